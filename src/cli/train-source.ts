/** What `skein train` trains, and on what. */
import { stat } from 'node:fs/promises';
import { SkeinError } from '../base/index.ts';
import type { Dataset, ImageShape, Preprocessing } from '../data/index.ts';
import type { Model } from '../graph/index.ts';
import { fittingAugmentation } from './augmentation.ts';
import { asUsage, definedOnly, type Output } from './command.ts';
import { noteGuess, SOURCES } from './origin.ts';
import type { TrainFlags } from './train-options.ts';

/** What the call names, as far as it is known before there is any data. */
export interface Subject {
  readonly preprocessing: Preprocessing;
  /** Where mean and std come from, for people. */
  readonly normalizedBy: string;
  /** The highest learning rate where the call says none. */
  readonly rate: number;
  /** @throws SkeinError 'invalid-argument' for data of other classes */
  with(data: Dataset): TrainSource;
}

/** What is trained, and how images become its input. */
export interface TrainSource {
  readonly model: Model;
  readonly labels: readonly string[];
  readonly preprocessing: Preprocessing;
  /** Whether its weights have learned nothing yet. */
  readonly fresh: boolean;
}

/** The words that say what a model's file does not, and those of training that must fit it. */
export type SourceFlags = Pick<TrainFlags, 'labels' | 'mean' | 'std' | 'shape' | 'seed'> &
  Partial<Pick<TrainFlags, 'optimizer' | 'augment'>>;

const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
const RATES = { sgd: 0.1, adamw: 0.001 };
/** Of the rate for weights that have been trained before; a factor of 0.1 would leave 0.010000000000000002. */
const FINE_TUNING_DIVISOR = 10;

/** What the call names with this data at once, for commands that train with words of their own. */
export async function sourceOf(
  path: string,
  data: Dataset,
  flags: SourceFlags,
  output: Output,
  like?: Preprocessing,
): Promise<TrainSource> {
  return (await openSubject(path, flags, output, like)).with(data);
}

/**
 * @param like what an architecture gets its images as, where the flags do not say it
 * @throws UsageError for words that do not fit what is named; SkeinError
 */
export async function openSubject(
  path: string,
  flags: SourceFlags,
  output: Output,
  like?: Preprocessing,
): Promise<Subject> {
  const { checkAugmentation, checkPreprocessing } = await import('../data/index.ts');
  const { isModelFile } = await import('../onnx/index.ts');
  const isFile = isModelFile(path) || (await stat(path).catch(() => undefined))?.isFile() === true;
  const subject = isFile ? await trainedModel(path, flags, output) : await architecture(path, flags, like);
  await asUsage(() => {
    checkPreprocessing(subject.preprocessing);
    const { shape } = subject.preprocessing;
    checkAugmentation(fittingAugmentation(flags.augment ?? {}, shape), shape);
  });
  return subject;
}

async function architecture(path: string, flags: SourceFlags, like?: Preprocessing): Promise<Subject> {
  const { buildArchitecture, parseArchitecture } = await import('../zoo/index.ts');
  const { labels, mean, std, shape, seed, optimizer = 'sgd' } = flags;
  const named = await asUsage(() => parseArchitecture(path));
  const inputShape = (shape ?? like?.shape ?? [3, 32, 32]) as unknown as ImageShape;
  const usual = inputShape[0] === 3 ? IMAGENET : { mean: [0.5], std: [0.5] };
  const channels = like?.shape[0] === inputShape[0] ? like : usual;
  const convention = inputShape[0] === 3 ? "ImageNet's" : 'the usual ones of grey images';
  const untold = channels === usual ? `${convention}; --mean and --std say others` : "the teacher's";
  const preprocessing = { shape: inputShape, mean: mean ?? channels.mean, std: std ?? channels.std };
  return {
    preprocessing,
    normalizedBy: mean === undefined ? untold : SOURCES.overrides,
    rate: optimizer === 'sgd' ? (named.family.rate ?? RATES.sgd) : RATES.adamw,
    with(data) {
      // The scores will be in the order of the data's classes, whatever they are called.
      checkClasses(labels ?? data.classNames, data);
      const model = buildArchitecture(named, { classes: data.classNames.length, inputShape, seed });
      return { model, labels: data.classNames, preprocessing, fresh: true };
    },
  };
}

async function trainedModel(path: string, flags: SourceFlags, output: Output): Promise<Subject> {
  const { openServable } = await import('../plan/index.ts');
  const { readModel } = await import('../onnx/index.ts');
  const { liftWeights } = await import('../ops/index.ts');
  const { runPasses, widenWeights } = await import('../transforms/index.ts');
  const { labels, mean, std, shape, optimizer = 'sgd' } = flags;
  // As the trainer does, so that --freeze can name them.
  const { model } = runPasses(liftWeights(await readModel(path)), [widenWeights]);
  const words = definedOnly({ mean, std, shape, labels });
  const open = () => openServable(path, words);
  const servable = await (Object.keys(words).length === 0 ? open() : asUsage(open));
  noteGuess(servable, output.warn);
  const { plan, labelsFrom, preprocessingFrom } = servable;
  return {
    preprocessing: plan.input,
    normalizedBy: SOURCES[preprocessingFrom],
    rate: RATES[optimizer] / FINE_TUNING_DIVISOR,
    with(data) {
      if (labelsFrom !== 'convention') checkClasses(plan.labels, data);
      // Where nothing tells the labels they are numbers, and the data's names are better.
      else if (plan.labels.length !== data.classNames.length) throw classMismatch(plan.labels, data);
      return { model, labels: data.classNames, preprocessing: plan.input, fresh: false };
    },
  };
}

function checkClasses(labels: readonly string[], data: Dataset): void {
  const { classNames } = data;
  if (labels.length !== classNames.length || labels.some((label, i) => label !== classNames[i]))
    throw classMismatch(labels, data);
}

function classMismatch(labels: readonly string[], data: Dataset): SkeinError {
  const list = (names: readonly string[]): string =>
    names.length > 12 ? `${names.slice(0, 12).join(', ')}, … (${names.length})` : names.join(', ');
  return new SkeinError(
    'invalid-argument',
    `The classes of '${data.source}' must be those of the model, in the same order: expected ${list(labels)}; received ${list(data.classNames)}`,
  );
}

export async function openValidation(
  { val, seed }: Pick<TrainFlags, 'val' | 'seed'>,
  training: Dataset,
): Promise<Dataset | undefined> {
  const { openData } = await import('../data/index.ts');
  if (val === undefined) {
    if (training.split === 'val' || !training.splits.includes('val')) return undefined;
    return openData(training.source, { split: 'val', seed });
  }
  const data = await openData(val, { seed, preferredSplits: ['val', 'test'] });
  checkClasses(training.classNames, data);
  return data;
}
