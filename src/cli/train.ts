/** `skein train`: trains or fine-tunes, and writes a model that every other command takes. */
import { existsSync } from 'node:fs';
import { dirname, extname } from 'node:path';
import type { Command } from 'commander';
import { checkWritable } from '../base/index.ts';
import type { Dataset } from '../data/index.ts';
import type { Model } from '../graph/index.ts';
import type { TrainerOptions } from '../train/index.ts';
import { definedOnly, refuseSameFile, skippedLine, UsageError, withAction } from './command.ts';
import { type TrainFlags, trainWords } from './train-options.ts';
import { filesOf, TrainRun } from './train-run.ts';
import { openValidation, sourceOf, type TrainSource } from './train-source.ts';

export function trainCommand(): Command {
  return withAction<TrainFlags>(trainWords(), async (output, [path = ''], flags) => {
    if (extname(flags.output) !== '.onnx')
      throw new UsageError(`--output must end in .onnx, received '${flags.output}'`);
    const { openData } = await import('../data/index.ts');
    const { Trainer } = await import('../train/index.ts');
    checkWords(flags);
    await refuseSameFile(path, flags.output);
    const { checkpoint } = filesOf(flags.output);
    if (flags.resume === undefined && existsSync(checkpoint)) {
      throw new UsageError(`'${checkpoint}' is of a run that was not finished: go on with --resume, or remove it`);
    }
    await checkWritable(dirname(flags.output));
    const { limit, seed, split } = flags;
    const training = await openData(flags.data, { ...definedOnly({ split, limit }), seed, preferredSplits: ['train'] });
    const source = await sourceOf(path, training, flags, output);
    const validation = await openValidation(flags, training);
    const options = await trainerOptions(source, training, validation, flags);
    const trainer = new Trainer(options);
    try {
      await checkWritable(dirname(flags.output), missingBytes(flags.output, trainer.checkpointBytes, source.model));
      const run = new TrainRun(trainer, source, training, flags, output);
      await run.begin(path);
      await run.go();
      for (const data of new Set([training, validation])) {
        if (data !== undefined && data.skipped > 0) output.warn(skippedLine(data));
      }
    } finally {
      await trainer.close();
      await training.close();
      if (validation !== undefined && validation !== training) await validation.close();
    }
  });
}

/** Words that mean nothing beside others. @throws UsageError */
function checkWords({ schedule, warmup, milestones, gamma }: TrainFlags): void {
  if (schedule === 'one-cycle' && warmup > 0) {
    throw new UsageError('--warmup is of the other schedules: one-cycle has a rise of its own');
  }
  if (schedule === 'step') return;
  for (const [name, value] of [
    ['--milestones', milestones],
    ['--gamma', gamma],
  ]) {
    if (value !== undefined) throw new UsageError(`${name} is of --schedule step, received --schedule ${schedule}`);
  }
}

/** What model and checkpoint will take beside what of them is there: the old one stays until the new one is whole. */
function missingBytes(output: string, checkpointBytes: number, { graph }: Model): number {
  let modelBytes = 0;
  for (const { byteLength = 0 } of graph.initializers.values()) modelBytes += byteLength;
  const model = existsSync(output) ? 0 : modelBytes;
  const checkpoint = existsSync(filesOf(output).checkpoint) ? 0 : checkpointBytes;
  return model + checkpoint + Math.max(modelBytes, checkpointBytes);
}

async function trainerOptions(
  { model, preprocessing, fresh }: TrainSource,
  training: Dataset,
  validation: Dataset | undefined,
  flags: TrainFlags,
): Promise<TrainerOptions> {
  const { balancedSampler, inverseFrequencyWeights } = await import('../data/index.ts');
  const { nameFilter, matching } = await import('./name-patterns.ts');
  const { optimizer: kind, momentum, nesterov, weightDecay, seed, classWeights, freeze } = flags;
  const optimizer =
    kind === 'sgd'
      ? { kind, momentum, nesterov: nesterov && momentum > 0, weightDecay: weightDecay ?? 5e-4 }
      : { kind, ...definedOnly({ weightDecay }) };
  if (freeze !== undefined) matching('--freeze', freeze, [...model.graph.initializers.keys()]);
  const weights =
    classWeights === 'balanced'
      ? [...inverseFrequencyWeights(training.labels, training.classNames.length)]
      : classWeights;
  if (weights !== undefined && weights.length !== training.classNames.length) {
    throw new UsageError(`--class-weights needs ${training.classNames.length} numbers, received ${weights.length}`);
  }
  const { labelSmoothing, clip, ema, milestones, gamma, threads, warmup } = flags;
  const rate = flags.rate ?? (kind === 'sgd' ? 0.1 : 0.001) * (fresh ? 1 : 0.1);
  return {
    model,
    training,
    preprocessing,
    optimizer,
    rate,
    seed,
    loss: flags.loss,
    schedule: flags.schedule,
    warmupEpochs: warmup,
    epochs: flags.epochs,
    batch: flags.batch,
    augmentation: flags.augment,
    augmentThreads: flags.augmentThreads,
    device: flags.device,
    ...(flags.sampler === 'balanced' ? { sampler: balancedSampler(training.labels, seed) } : {}),
    ...definedOnly({ validation, labelSmoothing, milestones, gamma, threads }),
    ...definedOnly({ clipNorm: clip, emaDecay: ema, classWeights: weights, frozen: freeze && nameFilter(freeze) }),
  };
}
