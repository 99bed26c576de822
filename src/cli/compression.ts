/**
 * The frame of every command that makes a smaller model of one: opening model and data, fine-tuning with progress, steps
 * that an interrupted call finds again, and at the end both models side by side, measured.
 */
import { existsSync } from 'node:fs';
import { dirname, extname } from 'node:path';
import { type Command, Option } from 'commander';
import { checkWritable, SkeinError } from '../base/index.ts';
import type { FineTuneOptions, Meter, Stages } from '../compress/index.ts';
import type { Augmentation, Dataset, Preprocessing } from '../data/index.ts';
import type { Model } from '../graph/index.ts';
import type { WriteOptions } from '../onnx/index.ts';
import { readAugmentation } from './augmentation.ts';
import {
  CommandFailure,
  type DataOptions,
  definedOnly,
  MOST_THREADS,
  type ModelOptions,
  numberBetween,
  type Output,
  type OutputOptions,
  refuseSameFile,
  skippedLine,
  UsageError,
  wholeNumber,
  withAction,
  withData,
  withModelOptions,
} from './command.ts';
import { type Comparison, describeComparison, measureBoth } from './comparison.ts';
import { percent } from './table.ts';
import { openValidation, sourceOf } from './train-source.ts';

export interface CompressionFlags extends DataOptions, ModelOptions, OutputOptions {
  readonly output: string;
  readonly val?: string;
  readonly epochs: number;
  readonly batch: number;
  readonly rate: number;
  readonly weightDecay: number;
  readonly augment: Augmentation;
  readonly augmentThreads: number;
  readonly threads?: number;
  readonly resume?: true;
}

/** What a technique works with. */
export interface CompressionContext {
  readonly model: Model;
  readonly preprocessing: Preprocessing;
  /** What fine-tuning sees, and what statistics of activations are taken from. */
  readonly training: Dataset;
  /** What is held out, for choices that look at the accuracy; the training images where there are no others. */
  readonly heldOut: Dataset;
  /** Measures with one thread. */
  readonly meter: Meter;
  /** Finds again what an interrupted call had done. */
  readonly stages: Stages;
  /** Aborted by Ctrl-C; what is aborted throws SkeinError 'cancelled'. */
  readonly signal: AbortSignal;
  readonly output: Output;
  /**
   * Trains the model as the words of the call say, as the stage `name`: shown, kept, gone on with.
   * @param changes to the words of the call; epochs 0 give the model back as it is
   */
  fineTune(name: string, model: Model, changes?: Partial<FineTuneOptions>): Promise<Model>;
}

export interface Compressed {
  readonly model: Model;
  /** What `--json` says beside the comparison. */
  readonly report?: object;
  /** What people read before the comparison. */
  readonly lines?: readonly string[];
  /** Of the metadata: what was done, in words and numbers. */
  readonly recipe?: object;
  /** How the file is written. */
  readonly write?: WriteOptions;
}

export interface CompressionDefaults {
  /** Of fine-tuning. */
  readonly epochs: number;
  readonly rate?: number;
}

/** The words that every compression has. @param command with its name, description and own words */
export function withCompression(command: Command, { epochs, rate = 0.01 }: CompressionDefaults): Command {
  command
    .argument('<model>', 'an .onnx or .skz file')
    .requiredOption('-o, --output <file>', 'the file to write; while it is made, a folder of its steps lies beside it');
  withData(command)
    .option('--val <source>', "held-out images to choose and measure by (default: the split 'val' of --data)")
    .option('--epochs <n>', 'of fine-tuning; 0 for none', wholeNumber(0), epochs)
    .option('--batch <n>', 'images in a step of fine-tuning', wholeNumber(1), 128)
    .option('--rate <n>', 'the highest learning rate, falling as a cosine', numberBetween(1e-12, 1e6), rate)
    .option('--weight-decay <n>', 'of weights, not of norms and biases', numberBetween(0, Number.MAX_VALUE), 5e-4)
    .addOption(
      new Option('--augment <words>', 'crop=4,flip,cutout=8,autoaugment,brightness=0.2, … or none')
        .argParser(readAugmentation)
        .default({ crop: 4, flip: true }, 'crop=4,flip'),
    )
    .option('--augment-threads <n>', 'threads that vary images', wholeNumber(1, MOST_THREADS), 1)
    .option(
      '--threads <n>',
      'threads that fine-tuning computes with (default: the usable cores)',
      wholeNumber(1, MOST_THREADS),
    )
    .option('--resume', 'go on with what an interrupted call left beside --output, with the same words');
  return withModelOptions(command);
}

/**
 * Makes the command of a technique.
 * @param suffixes that the output may have
 */
export function compressionCommand<Flags extends CompressionFlags>(
  command: Command,
  compress: (context: CompressionContext, flags: Flags) => Promise<Compressed>,
  suffixes: readonly string[] = ['.onnx'],
): Command {
  return withAction<Flags>(command, async (output, [path = ''], flags) => {
    const suffix = extname(flags.output);
    if (!suffixes.includes(suffix)) {
      throw new UsageError(`--output must end in ${suffixes.join(' or ')}, received '${flags.output}'`);
    }
    await refuseSameFile(path, flags.output);
    const folder = `${flags.output.slice(0, -suffix.length)}.steps`;
    if (flags.resume === undefined && existsSync(folder)) {
      throw new UsageError(`'${folder}' is of a call that was not finished: go on with --resume, or remove it`);
    }
    await checkWritable(dirname(flags.output));
    const { openData } = await import('../data/index.ts');
    const { Meter, Stages } = await import('../compress/index.ts');
    const { split, limit, seed, data } = flags;
    const training = await openData(data, { ...definedOnly({ split, limit }), seed, preferredSplits: ['train'] });
    const validation = await openValidation(flags, training);
    const meter = new Meter();
    const stages = new Stages(folder);
    const stop = new AbortController();
    const interrupt = (): void => (stop.signal.aborted ? process.exit(130) : stop.abort());
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, interrupt);
    try {
      const { model, labels, preprocessing, fresh } = await sourceOf(path, training, flags, output);
      if (fresh) throw new UsageError(`<model> must be an .onnx or .skz file, received '${path}'`);
      const heldOut = validation ?? training;
      if (validation === undefined) {
        output.warn(`there are no held-out images: '${training.source}' itself is measured on (--val names others)`);
      }
      const context: CompressionContext = {
        model,
        preprocessing,
        training,
        heldOut,
        meter,
        stages,
        output,
        signal: stop.signal,
        fineTune: fineTuner(flags, { training, validation, preprocessing, stages, output, signal: stop.signal }),
      };
      const made = await compress(context, flags);
      await save(made, { flags, path, labels, preprocessing, name: command.name() });
      const comparison = await measureBoth(path, flags.output, heldOut, { meter, flags, output });
      await stages.clear();
      for (const each of new Set([training, heldOut])) if (each.skipped > 0) output.warn(skippedLine(each));
      report(output, flags.output, made, comparison);
    } catch (error) {
      if (!(error instanceof SkeinError && error.code === 'cancelled' && stop.signal.aborted)) throw error;
      throw new CommandFailure(`${error.message}: repeat the call with --resume to go on from '${folder}'`);
    } finally {
      for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, interrupt);
      await meter.close();
      await training.close();
      await validation?.close();
    }
  });
}

function report(output: Output, file: string, { report: more = {}, lines = [] }: Compressed, both: Comparison): void {
  output.result({ output: file, ...more, before: both.before, after: both.after }, () =>
    [...lines, ...(lines.length > 0 ? [''] : []), ...describeComparison(both), '', `written: ${file}`].join('\n'),
  );
}

interface Surroundings {
  readonly training: Dataset;
  readonly validation: Dataset | undefined;
  readonly preprocessing: Preprocessing;
  readonly stages: Stages;
  readonly output: Output;
  readonly signal: AbortSignal;
}

function fineTuner(flags: CompressionFlags, around: Surroundings): CompressionContext['fineTune'] {
  const { training, validation, preprocessing, stages, output, signal } = around;
  const { epochs, batch, rate, weightDecay, augment, augmentThreads, seed, threads } = flags;
  return async (name, model, changes = {}) => {
    const { fineTune } = await import('../compress/index.ts');
    const options: FineTuneOptions = {
      training,
      preprocessing,
      epochs,
      batch,
      rate,
      seed,
      augmentThreads,
      augmentation: augment,
      loss: 'cross-entropy',
      schedule: 'cosine',
      optimizer: { kind: 'sgd', momentum: 0.9, nesterov: true, weightDecay },
      ...definedOnly({ validation, threads }),
      ...changes,
    };
    if (options.epochs === 0) return model;
    const { training: _training, validation: _validation, writeLoss: _writeLoss, ...words } = options;
    const data = [options.training, options.validation].map((each) => [each?.source, each?.split, each?.size]);
    return stages.model(name, [model, words, data], async (checkpoint) => {
      let progress: ReturnType<Output['progress']> | undefined;
      try {
        return await fineTune(model, options, {
          signal,
          ...definedOnly({ checkpoint }),
          onStart: ({ step, steps }) => {
            progress = output.progress(name, steps, { exitOnInterrupt: false, from: step });
          },
          onStep: ({ step, score, imagesPerSecond }) => {
            const words = [`loss ${score.loss.toFixed(3)}`, percent(score.accuracy)];
            progress?.update(step, [...words, `${Math.round(imagesPerSecond)} images/s`].join(', '));
          },
          onEpoch: ({ epoch, epochs: all, training: seen, validation: held, seconds }) => {
            progress?.clear();
            const heldWords = held === undefined ? '' : `, held out ${percent(held.accuracy, 2)}`;
            output.note(
              `${name}, epoch ${epoch}/${all}: loss ${seen.loss.toFixed(3)}, ${percent(seen.accuracy, 2)}${heldWords}, ${seconds.toFixed(1)} s`,
            );
          },
        });
      } finally {
        progress?.end();
      }
    });
  };
}

interface Origin {
  readonly flags: CompressionFlags;
  readonly path: string;
  readonly name: string;
  readonly labels: readonly string[];
  readonly preprocessing: Preprocessing;
}

/** Writes the model with what it needs to be served, and how it came about: a list, since compressions follow each other. */
async function save({ model, recipe = {}, write }: Compressed, { flags, path, name, labels, preprocessing }: Origin) {
  const { writeModel } = await import('../onnx/index.ts');
  const metadata = new Map(model.metadata);
  metadata.set('labels', JSON.stringify(labels));
  metadata.set('mean', JSON.stringify(preprocessing.mean));
  metadata.set('std', JSON.stringify(preprocessing.std));
  const { epochs, seed } = flags;
  const before = historyOf(metadata.get('compressed'));
  metadata.set(
    'compressed',
    JSON.stringify([...before, { by: `skein ${name}`, model: path, epochs, seed, ...recipe }]),
  );
  await writeModel({ ...model, metadata }, flags.output, write);
}

function historyOf(text: string | undefined): readonly unknown[] {
  try {
    const list: unknown = JSON.parse(text ?? '[]');
    return Array.isArray(list) ? list : [];
  } catch {
    return [];
  }
}
