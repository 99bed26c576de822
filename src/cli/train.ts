/** `skein train`: trains or fine-tunes, and writes a model that every other command takes. */
import { existsSync } from 'node:fs';
import { extname } from 'node:path';
import type { Command } from 'commander';
import { checkOutputs, lockOutput } from '../base/index.ts';
import type { Dataset } from '../data/index.ts';
import type { Model } from '../graph/index.ts';
import type { TrainerOptions } from '../train/index.ts';
import { fittingAugmentation } from './augmentation.ts';
import { endsBeforeFirstStep } from './before-first-step.ts';
import { definedOnly, type Output, refuseSameFile, skippedLine, UsageError, withAction } from './command.ts';
import { checkWords } from './train-check.ts';
import { type TrainFlags, trainWords } from './train-options.ts';
import { filesOf, TrainRun } from './train-run.ts';
import { openSubject, openValidation, type TrainSource } from './train-source.ts';

export function trainCommand(): Command {
  const run = async (output: Output, path: string, flags: TrainFlags): Promise<void> => {
    const { checkpoint } = filesOf(flags.output);
    const ready = endsBeforeFirstStep(flags.resume && checkpoint);
    const { openData } = await import('../data/index.ts');
    const { Trainer } = await import('../train/index.ts');
    if (flags.resume === undefined) await refuseUnfinished(checkpoint);
    const subject = await openSubject(path, flags, output);
    const { limit, seed, split } = flags;
    const training = await openData(flags.data, { ...definedOnly({ split, limit }), seed, preferredSplits: ['train'] });
    const source = subject.with(training);
    const validation = await openValidation(flags, training);
    if (validation === undefined && (flags.keep ?? 'last') !== 'last') {
      throw new UsageError(`--keep ${flags.keep} needs held-out images to choose by: name some with --val`);
    }
    const options = await trainerOptions(source, subject.rate, training, validation, flags);
    const trainer = new Trainer(options);
    try {
      await checkOutputs(writtenBy(flags), missingBytes(flags, trainer.checkpointBytes, source.model));
      const trained = new TrainRun(trainer, options, source, flags, output);
      await trained.begin(path, subject.normalizedBy);
      ready();
      await trained.go();
      for (const data of new Set([training, validation])) {
        if (data !== undefined && data.skipped > 0) output.warn(skippedLine(data));
      }
    } finally {
      await trainer.close();
      await training.close();
      if (validation !== undefined && validation !== training) await validation.close();
    }
  };
  return withAction<TrainFlags>(trainWords(), async (output, [path = ''], flags) => {
    if (extname(flags.output) !== '.onnx')
      throw new UsageError(`--output must end in .onnx, received '${flags.output}'`);
    await checkWords(flags);
    const files = writtenBy(flags);
    await refuseSameFile(path, files);
    await refuseSameFile(flags.data, files, '--data');
    if (flags.val !== undefined) await refuseSameFile(flags.val, files, '--val');
    await checkOutputs(files);
    // Before what is unfinished is looked for: it may be another run's, under way.
    const lock = await lockOutput(flags.output);
    try {
      await run(output, path, flags);
    } finally {
      lock.release();
    }
  });
}

function writtenBy({ output, keep }: TrainFlags): [string, ...string[]] {
  const { model, last, checkpoint, log } = filesOf(output);
  return [model, checkpoint, log, ...(keep === 'both' ? [last] : [])];
}

/** The last state of a run that was finished gives way to a new run, as its model does. @throws UsageError */
async function refuseUnfinished(checkpoint: string): Promise<void> {
  if (!existsSync(checkpoint)) return;
  const { readCheckpoint } = await import('../train/index.ts');
  const { progress, epochs } = await readCheckpoint(checkpoint);
  if (progress.epoch >= epochs) return;
  throw new UsageError(`'${checkpoint}' is of a run that was not finished: go on with --resume, or remove it`);
}

/** What models and checkpoint will take beside what of them is there: the old one stays until the new one is whole. */
function missingBytes({ output, keep }: TrainFlags, checkpointBytes: number, { graph }: Model): number {
  let modelBytes = 0;
  for (const { byteLength = 0 } of graph.initializers.values()) modelBytes += byteLength;
  const files = filesOf(output);
  const missing = (file: string, size: number): number => (existsSync(file) ? 0 : size);
  const models = missing(files.model, modelBytes) + (keep === 'both' ? missing(files.last, modelBytes) : 0);
  return models + missing(files.checkpoint, checkpointBytes) + Math.max(modelBytes, checkpointBytes);
}

async function trainerOptions(
  { model, preprocessing }: TrainSource,
  usualRate: number,
  training: Dataset,
  validation: Dataset | undefined,
  flags: TrainFlags,
): Promise<TrainerOptions> {
  const { balancedSampler, inverseFrequencyWeights } = await import('../data/index.ts');
  const { nameFilter, matching } = await import('./name-patterns.ts');
  const { optimizer: kind, momentum = 0.9, nesterov, weightDecay, seed, classWeights, freeze } = flags;
  const optimizer =
    kind === 'sgd'
      ? { kind, momentum, nesterov: nesterov && momentum > 0, weightDecay: weightDecay ?? 5e-4 }
      : { kind, weightDecay: weightDecay ?? 0.01 };
  if (freeze !== undefined) matching('--freeze', freeze, [...model.graph.initializers.keys()]);
  const weights =
    classWeights === 'balanced'
      ? [...inverseFrequencyWeights(training.labels, training.classNames.length)]
      : classWeights;
  if (weights !== undefined && weights.length !== training.classNames.length) {
    throw new UsageError(`--class-weights needs ${training.classNames.length} numbers, received ${weights.length}`);
  }
  const { labelSmoothing, clip, ema, milestones, gamma, threads, warmup } = flags;
  return {
    model,
    training,
    preprocessing,
    optimizer,
    rate: flags.rate ?? usualRate,
    seed,
    loss: flags.loss,
    schedule: flags.schedule,
    warmupEpochs: warmup,
    epochs: flags.epochs,
    batch: flags.batch,
    augmentation: fittingAugmentation(flags.augment, preprocessing.shape),
    augmentThreads: flags.augmentThreads,
    device: flags.device,
    ...(flags.sampler === 'balanced' ? { sampler: balancedSampler(training.labels, seed) } : {}),
    ...definedOnly({ validation, labelSmoothing, milestones, gamma, threads }),
    ...definedOnly({ clipNorm: clip, emaDecay: ema, classWeights: weights, frozen: freeze && nameFilter(freeze) }),
  };
}
