/** `skein train`: trains or fine-tunes, and writes a model that every other command takes. */
import { existsSync } from 'node:fs';
import { appendFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, extname } from 'node:path';
import type { Command } from 'commander';
import { checkWritable, SkeinError, writeError } from '../base/index.ts';
import type { Dataset, Preprocessing } from '../data/index.ts';
import type { Model } from '../graph/index.ts';
import type { Checkpoint, EpochReport, Trainer, TrainerOptions } from '../train/index.ts';
import {
  CommandFailure,
  definedOnly,
  type Output,
  refuseSameFile,
  skippedLine,
  UsageError,
  withAction,
} from './command.ts';
import { noteGuess } from './origin.ts';
import { percent } from './table.ts';
import { type TrainFlags, trainWords } from './train-options.ts';

export function trainCommand(): Command {
  return withAction<TrainFlags>(trainWords(), async (output, [path = ''], flags) => {
    if (extname(flags.output) !== '.onnx')
      throw new UsageError(`--output must end in .onnx, received '${flags.output}'`);
    const { openData } = await import('../data/index.ts');
    const { Trainer } = await import('../train/index.ts');
    checkWords(flags);
    await refuseSameFile(path, flags.output);
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
  const checkpoint = existsSync(checkpointOf(output)) ? 0 : checkpointBytes;
  return model + checkpoint + Math.max(modelBytes, checkpointBytes);
}

const withoutExtension = (output: string): string => output.slice(0, -'.onnx'.length);
const checkpointOf = (output: string): string => `${withoutExtension(output)}.checkpoint`;

/** What is trained, and how images become its input. */
interface TrainSource {
  readonly model: Model;
  readonly labels: readonly string[];
  readonly preprocessing: Preprocessing;
  readonly fresh: boolean;
}

const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

async function sourceOf(path: string, data: Dataset, flags: TrainFlags, output: Output): Promise<TrainSource> {
  const { labels, mean, std, shape, seed } = flags;
  const isFile = extname(path) === '.onnx' || (await stat(path).catch(() => undefined))?.isFile() === true;
  if (!isFile) {
    const { buildArchitecture } = await import('../zoo/index.ts');
    const inputShape = (shape ?? [3, 32, 32]) as [number, number, number];
    if (labels !== undefined && labels.length !== data.classNames.length) throw classMismatch(labels, data);
    const names = labels ?? data.classNames;
    const model = buildArchitecture(path, { classes: names.length, inputShape, seed });
    const channels = inputShape[0] === 3 ? IMAGENET : { mean: [0.5], std: [0.5] };
    const preprocessing = { shape: inputShape, mean: mean ?? channels.mean, std: std ?? channels.std };
    return { model, labels: names, preprocessing, fresh: true };
  }
  const { openServable } = await import('../plan/index.ts');
  const { readModel } = await import('../onnx/index.ts');
  const servable = await openServable(path, definedOnly({ labels, mean, std, shape }));
  noteGuess(servable, output.warn);
  const { plan, labelsFrom } = servable;
  // Where nothing tells the labels they are numbers, and the data's names are better.
  const known = labelsFrom === 'convention' ? data.classNames : plan.labels;
  if (plan.labels.length !== data.classNames.length || known.some((label, i) => label !== data.classNames[i])) {
    throw classMismatch(plan.labels, data);
  }
  return { model: await readModel(path), labels: known, preprocessing: plan.input, fresh: false };
}

function classMismatch(labels: readonly string[], data: Dataset): SkeinError {
  const list = (names: readonly string[]): string =>
    names.length > 12 ? `${names.slice(0, 12).join(', ')}, … (${names.length})` : names.join(', ');
  return new SkeinError(
    'invalid-argument',
    `The classes of '${data.source}' must be those of the model, in the same order: expected ${list(labels)}; received ${list(data.classNames)}`,
  );
}

async function openValidation({ val, seed }: TrainFlags, training: Dataset): Promise<Dataset | undefined> {
  const { openData } = await import('../data/index.ts');
  if (val === undefined) {
    if (training.split === 'val' || !training.splits.includes('val')) return undefined;
    return openData(training.source, { split: 'val', seed });
  }
  const data = await openData(val, { seed, preferredSplits: ['val', 'test'] });
  if (data.classNames.some((name, i) => name !== training.classNames[i]))
    throw classMismatch(training.classNames, data);
  return data;
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

/** One run of the command: its files, and what it says. */
class TrainRun {
  readonly #trainer: Trainer;
  readonly #source: TrainSource;
  readonly #training: Dataset;
  readonly #flags: TrainFlags;
  readonly #output: Output;
  readonly #files: { readonly model: string; readonly checkpoint: string; readonly log: string };
  readonly #reports: EpochReport[] = [];
  /** Whether the checkpoint's file is of this run. */
  #saved = false;

  constructor(trainer: Trainer, source: TrainSource, training: Dataset, flags: TrainFlags, output: Output) {
    this.#trainer = trainer;
    this.#source = source;
    this.#training = training;
    this.#flags = flags;
    this.#output = output;
    const { output: model } = flags;
    this.#files = { model, checkpoint: checkpointOf(model), log: `${withoutExtension(model)}.log.jsonl` };
  }

  /** Loads the models, and what an earlier call left where that is asked for. */
  async begin(name: string): Promise<void> {
    const { resume, epochs } = this.#flags;
    const { readCheckpoint } = await import('../train/index.ts');
    const checkpoint = resume ? await readCheckpoint(this.#files.checkpoint) : undefined;
    await this.#trainer.open(checkpoint);
    this.#saved = checkpoint !== undefined;
    if (checkpoint === undefined) await writing(this.#files.log, () => writeFile(this.#files.log, ''));
    const { epoch, batch } = this.#trainer.progress;
    const from = checkpoint === undefined ? '' : `, going on in epoch ${epoch + 1} at batch ${batch + 1}`;
    const { size, source } = this.#training;
    this.#output.note(
      `${name}: ${this.#trainer.parameters} parameters to train on ${size} images of ${source}, ${epochs} epochs of ${this.#trainer.stepsPerEpoch} steps, ${this.#trainer.threads} threads${from}`,
    );
  }

  async go(): Promise<void> {
    const stop = new AbortController();
    const interrupt = (): void => (stop.signal.aborted ? process.exit(130) : stop.abort());
    process.on('SIGINT', interrupt);
    process.on('SIGTERM', interrupt);
    const from = this.#trainer.progress.step;
    const progress = this.#output.progress('step', this.#trainer.steps, { exitOnInterrupt: false, from });
    try {
      const done = await this.#trainer.run({
        signal: stop.signal,
        onStep: ({ step, score, epoch }) =>
          progress.update(step, `epoch ${epoch}, loss ${score.loss.toFixed(3)}, ${percent(score.accuracy)}`),
        onEpoch: async (report) => {
          progress.clear();
          await this.#ended(report);
        },
      });
      progress.end();
      if (!done) await this.#interrupted();
      else await this.#finished();
    } catch (error) {
      const { DivergenceError } = await import('../train/index.ts');
      if (!(error instanceof DivergenceError) || !this.#saved) throw error;
      const hint = `the last good checkpoint is '${this.#files.checkpoint}'`;
      throw new SkeinError(error.code, `${error.message}; ${hint}`, { cause: error });
    } finally {
      progress.end();
      process.off('SIGINT', interrupt);
      process.off('SIGTERM', interrupt);
    }
  }

  async #ended(report: EpochReport): Promise<void> {
    this.#reports.push(report);
    const checkpoint = await this.#saveCheckpoint();
    if (this.#isKept(report)) await this.#saveModel(checkpoint, report.epoch);
    const { epoch, epochs, training, validation, rate, imagesPerSecond, seconds } = report;
    await writing(this.#files.log, () =>
      appendFile(this.#files.log, `${JSON.stringify({ ...report, at: new Date().toISOString() })}\n`),
    );
    const held =
      validation === undefined
        ? ''
        : `, held out: loss ${validation.loss.toFixed(3)} ${percent(validation.accuracy, 2)}`;
    const best = report.best && validation !== undefined ? ' (best)' : '';
    this.#output.note(
      `epoch ${epoch}/${epochs}: loss ${training.loss.toFixed(3)} ${percent(training.accuracy, 2)}${held}${best}, rate ${rate.toPrecision(3)}, ${Math.round(imagesPerSecond)} images/s, ${seconds.toFixed(1)} s`,
    );
  }

  #isKept(report: EpochReport): boolean {
    const keep = this.#flags.keep ?? (report.validation === undefined ? 'last' : 'best');
    return keep === 'last' || report.best;
  }

  async #saveCheckpoint(): Promise<Checkpoint> {
    const { writeCheckpoint } = await import('../train/index.ts');
    const checkpoint = await this.#trainer.checkpoint();
    await writing(this.#files.checkpoint, () => writeCheckpoint(this.#files.checkpoint, checkpoint));
    this.#saved = true;
    return checkpoint;
  }

  async #saveModel(checkpoint: Checkpoint, epoch: number): Promise<void> {
    const { writeModel } = await import('../onnx/index.ts');
    const { labels, preprocessing } = this.#source;
    const model = this.#trainer.modelOf(checkpoint);
    const metadata = new Map(model.metadata);
    metadata.set('labels', JSON.stringify(labels));
    metadata.set('mean', JSON.stringify(preprocessing.mean));
    metadata.set('std', JSON.stringify(preprocessing.std));
    metadata.set('trained', JSON.stringify(this.#recipe(epoch)));
    await writing(this.#files.model, () => writeModel({ ...model, metadata }, this.#files.model));
  }

  /** How the weights came about. */
  #recipe(epoch: number): object {
    const {
      output: _output,
      json: _json,
      verbose: _verbose,
      resume: _resume,
      labels: _labels,
      mean: _mean,
      std: _std,
      ...words
    } = this.#flags;
    return { by: 'skein train', epoch, images: this.#training.size, ...words };
  }

  async #interrupted(): Promise<void> {
    await this.#saveCheckpoint();
    const { step, epoch } = this.#trainer.progress;
    throw new CommandFailure(
      `stopped in epoch ${epoch + 1} after step ${step} of ${this.#trainer.steps}: repeat the call with --resume to go on from '${this.#files.checkpoint}'`,
    );
  }

  async #finished(): Promise<void> {
    const last = this.#reports.at(-1);
    const { best } = this.#trainer.progress;
    const kept = this.#flags.keep ?? (best === undefined ? 'last' : 'best');
    await rm(this.#files.checkpoint, { force: true });
    const report = {
      output: this.#files.model,
      parameters: this.#trainer.parameters,
      kept,
      ...definedOnly({ best, last }),
    };
    this.#output.result(report, () => {
      const of =
        kept === 'best' && best !== undefined
          ? `epoch ${best.epoch}, ${percent(best.accuracy, 2)} of the held-out images`
          : 'the last epoch';
      return `${this.#files.model}: the weights of ${of}`;
    });
  }
}

/** A full disk says so in a line. */
async function writing<T>(path: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    throw writeError(path, error);
  }
}
