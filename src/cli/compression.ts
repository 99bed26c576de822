/**
 * The frame of every command that makes a smaller model of one: opening the model beside the data, fine-tuning with progress
 * in steps that an interrupted call finds again, and at the end both models side by side, measured.
 */
import { extname } from 'node:path';
import type { Command } from 'commander';
import { checkOutputs, SkeinError } from '../base/index.ts';
import type { FineTuneOptions } from '../compress/index.ts';
import type { Preprocessing } from '../data/index.ts';
import type { Model } from '../graph/index.ts';
import type { WriteOptions } from '../onnx/index.ts';
import { fittingAugmentation } from './augmentation.ts';
import {
  CommandFailure,
  definedOnly,
  type ModelOptions,
  type Output,
  refuseSameFile,
  UsageError,
  withAction,
} from './command.ts';
import { type Comparison, describeComparison, measureBoth } from './comparison.ts';
import { type CompressionFlags, RATES, WEIGHT } from './compression-words.ts';
import { fineTuner } from './fine-tuner.ts';
import { withHistory } from './history.ts';
import { inSteps, type Workplace } from './in-steps.ts';
import { wasStopped } from './interruption.ts';
import { openOtherTeacher, openTeacher, type Reference } from './teacher-source.ts';
import { sourceOf } from './train-source.ts';

export {
  type CompressionFlags,
  type TrainingFlags,
  withCompression,
  withStudent,
  withTrainingWords,
} from './compression-words.ts';

/** What a technique works with. */
export interface CompressionContext extends Workplace {
  readonly model: Model;
  readonly preprocessing: Preprocessing;
  /** What the result is compared with: the model itself, or its teacher. */
  readonly reference: Reference;
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

/** What a technique whose result is held against another model than the one that it was made of says of that. */
export interface TeacherWords<Flags> {
  /** Its file. */
  readonly path: (flags: Flags) => string;
  /** What that does not say of itself. */
  readonly overrides: (flags: Flags) => Pick<ModelOptions, 'mean' | 'std'>;
  /** @throws UsageError for words that do not fit each other */
  readonly check: (flags: Flags) => void;
}

/**
 * Makes the command of a technique.
 * @param suffixes that the output may have
 * @param teacher of one that trains a student, which may be an architecture's name then
 */
export function compressionCommand<Flags extends CompressionFlags>(
  command: Command,
  compress: (context: CompressionContext, flags: Flags) => Promise<Compressed>,
  suffixes: readonly string[] = ['.onnx'],
  teacher?: TeacherWords<Flags>,
): Command {
  const run = async (at: Workplace, output: Output, path: string, given: Flags): Promise<void> => {
    const { training, validation, heldOut, stages, signal } = at;
    const taughtBy =
      teacher && (await openTeacher(teacher.path(given), training, given, teacher.overrides(given), output));
    const source = await sourceOf(path, training, given, output, taughtBy?.preprocessing);
    const { model, labels, preprocessing, fresh } = source;
    const augment = fittingAugmentation(given.augment, preprocessing.shape);
    const rate = given.rate ?? (fresh ? RATES.fresh : RATES.trained);
    const lecturerPath = teacher === undefined ? given.teacher : undefined;
    const distill = given.distill ?? (lecturerPath === undefined ? undefined : Number(WEIGHT));
    const flags = { ...given, augment, rate, ...definedOnly({ distill }) };
    const reference = taughtBy ?? { path, model, preprocessing };
    if (fresh && teacher === undefined)
      throw new UsageError(`<model> must be an .onnx or .skz file, received '${path}'`);
    if (model.graph.outputs[0]?.type?.dims?.[1] === 1) {
      throw new SkeinError(
        'unsupported',
        `Cannot compress '${path}': it has one score for two classes, expected one for each; train it with two`,
      );
    }
    const lecturer =
      lecturerPath === undefined
        ? reference
        : await openOtherTeacher(lecturerPath, training, given, preprocessing, output);
    if (validation === undefined) {
      output.warn(`there are no held-out images: '${training.source}' itself is measured on (--val names others)`);
    }
    const held = { training, validation, preprocessing, teacher: lecturer, stages, output, signal };
    const context = { ...at, model, preprocessing, reference, output, fineTune: fineTuner(flags, held) };
    const made = await compress(context, flags);
    await refuseNoNumbers(made.model, context, rate);
    await save(made, { flags, path, labels, preprocessing, name: command.name() });
    await stages.clear();
    const comparison = await measureBoth(reference.path, flags.output, heldOut, {
      meter: at.meter,
      output,
      flags: taughtBy?.overrides ?? flags,
      shape: preprocessing.shape,
      signal,
    }).catch((error: unknown) => {
      if (!wasStopped(error, signal)) throw error;
      throw new CommandFailure(
        `stopped while both were measured: '${given.output}' is written, 'skein evaluate' measures it`,
      );
    });
    report(output, flags.output, made, comparison, teacher === undefined ? undefined : ['teacher', 'student']);
  };
  return withAction<Flags>(command, async (output, [path = ''], given) => {
    teacher?.check(given);
    const suffix = extname(given.output);
    if (!suffixes.includes(suffix)) {
      throw new UsageError(`--output must end in ${suffixes.join(' or ')}, received '${given.output}'`);
    }
    const outputs = [given.output] as const;
    await refuseSameFile(path, outputs);
    if (given.teacher !== undefined) await refuseSameFile(given.teacher, outputs, '--teacher');
    await refuseSameFile(given.data, outputs, '--data');
    if (given.val !== undefined) await refuseSameFile(given.val, outputs, '--val');
    await checkOutputs(outputs);
    const call = { command: command.name(), path, place: given.output, flags: given };
    await inSteps(call, output, (at) => run(at, output, path, given));
  });
}

/** Weights may all be numbers and so large that what follows from them is none. */
async function refuseNoNumbers(
  model: Model,
  { meter, heldOut, preprocessing, stages }: CompressionContext,
  rate: number,
) {
  const scores = model.graph.outputs[0]?.name ?? '';
  const order = Uint32Array.from({ length: Math.min(heldOut.size, LOOKED_AT) }, (_, i) => i);
  for await (const { values } of meter.observe(model, [scores], heldOut, preprocessing, { order })) {
    if (((values.get(scores)?.data ?? []) as Float32Array).every(Number.isFinite)) continue;
    await stages.clear();
    throw new CommandFailure(
      `the scores of the model are no numbers any more, nothing is written: train with a lower --rate than ${rate}`,
    );
  }
}

/** Images. */
const LOOKED_AT = 64;

function report(
  output: Output,
  file: string,
  { report: more = {}, lines = [] }: Compressed,
  both: Comparison,
  names?: readonly [string, string],
): void {
  output.result({ output: file, ...more, before: both.before, after: both.after }, () =>
    [...lines, ...(lines.length > 0 ? [''] : []), ...describeComparison(both, names), '', `written: ${file}`].join(
      '\n',
    ),
  );
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
  const { withDescription } = await import('../data/index.ts');
  const { writeModel } = await import('../onnx/index.ts');
  const { epochs, seed, distill, teacher } = flags;
  const step = { by: `skein ${name}`, model: path, epochs, seed, ...definedOnly({ distill, teacher }), ...recipe };
  await writeModel(withHistory(withDescription(model, { labels, preprocessing }), step), flags.output, write);
}
