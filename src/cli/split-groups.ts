/** Groups of classes, as the words of `skein split` say them. */
import type { Meter } from '../compress/index.ts';
import type { Dataset, Preprocessing } from '../data/index.ts';
import type { Model } from '../graph/index.ts';
import type { ClassGroup } from '../split/index.ts';
import { asUsage, UsageError } from './command.ts';

export type GroupWords = 'per-class' | { readonly count: number } | { readonly lists: readonly (readonly string[])[] };

export const GROUPINGS = ['features', 'contiguous'] as const;
export type Grouping = (typeof GROUPINGS)[number];

/** Reads 'per-class', '5', or 'cat,dog;ship,truck'. */
export function readGroups(text: string): GroupWords {
  if (text === 'per-class') return text;
  if (/^\d+$/.test(text)) return { count: Number(text) };
  const names = (list: string): string[] => list.split(',').map((name) => name.trim());
  return { lists: text.split(';').map((list) => (list.trim() === '' ? [] : names(list))) };
}

interface Surroundings {
  readonly meter: Meter;
  readonly model: Model;
  readonly training: Dataset;
  readonly preprocessing: Preprocessing;
  readonly seed: number;
}

/** Images of each class that its features are taken from. */
const IMAGES_OF_CLASS = 100;

/**
 * The groups, each ascending.
 * @throws UsageError for more groups than classes, and lists that are not of every class once
 */
export async function classGroups(
  words: GroupWords,
  grouping: Grouping | undefined,
  { meter, model, training, preprocessing, seed }: Surroundings,
): Promise<readonly ClassGroup[]> {
  const split = await import('../split/index.ts');
  const { stratifiedSample } = await import('../data/index.ts');
  const { classNames, labels, size } = training;
  const classes = classNames.length;
  if (words === 'per-class' || 'lists' in words) {
    if (grouping !== undefined)
      throw new UsageError(
        `--grouping says how --groups <k> come about, received ${grouping} beside groups themselves`,
      );
    return asUsage(() =>
      words === 'per-class' ? split.singleClasses(classes) : split.namedGroups(classNames, words.lists),
    );
  }
  const { count } = words;
  await asUsage(() => split.checkGroupCount(classes, count));
  if (count === classes || count === 1 || grouping === 'contiguous') return split.contiguousGroups(classes, count);
  const order = stratifiedSample(labels, Math.min(size, IMAGES_OF_CLASS * classes), seed);
  const features = await split.classFeatures(meter, model, training, preprocessing, { order });
  return split.balancedKMeans(features, count, { seed });
}
