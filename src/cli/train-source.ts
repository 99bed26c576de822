/** What `skein train` trains, and on what. */
import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { SkeinError } from '../base/index.ts';
import type { Dataset, Preprocessing } from '../data/index.ts';
import type { Model } from '../graph/index.ts';
import { definedOnly, type Output } from './command.ts';
import { noteGuess } from './origin.ts';
import type { TrainFlags } from './train-options.ts';

/** What is trained, and how images become its input. */
export interface TrainSource {
  readonly model: Model;
  readonly labels: readonly string[];
  readonly preprocessing: Preprocessing;
  readonly fresh: boolean;
}

/** The words that say what a model's file does not. */
export type SourceFlags = Pick<TrainFlags, 'labels' | 'mean' | 'std' | 'shape' | 'seed'>;

const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

export async function sourceOf(path: string, data: Dataset, flags: SourceFlags, output: Output): Promise<TrainSource> {
  const { labels, mean, std, shape, seed } = flags;
  const isFile = extname(path) === '.onnx' || (await stat(path).catch(() => undefined))?.isFile() === true;
  if (!isFile) {
    const { buildArchitecture } = await import('../zoo/index.ts');
    const inputShape = (shape ?? [3, 32, 32]) as [number, number, number];
    const names = data.classNames;
    // The scores will be in the order of the data's classes, whatever they are called.
    if (labels?.some((label, i) => label !== names[i]) || (labels?.length ?? names.length) !== names.length) {
      throw classMismatch(labels ?? [], data);
    }
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
  if (data.classNames.some((name, i) => name !== training.classNames[i]))
    throw classMismatch(training.classNames, data);
  return data;
}
