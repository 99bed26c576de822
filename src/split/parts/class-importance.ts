/**
 * What the channels of a network are worth to some of its classes (Wang et al. 2020, sensAI): how often and how strongly
 * they speak on images of these classes alone. What is silent then serves other classes.
 */
import {
  type ActivationStatistics,
  activationStatistics,
  type Meter,
  normalizedByGroup,
  type ObserveOptions,
  rankedBy,
} from '../../compress/index.ts';
import { type Dataset, type Preprocessing, stratifiedSample } from '../../data/index.ts';
import type { Model } from '../../graph/index.ts';
import type { ChannelGroups } from '../../transforms/index.ts';

/** What |a| may be to count as zero, as in the authors' code. */
export const ZERO = 0.005;

export interface ClassImportance extends ActivationStatistics {
  /**
   * By unit, from 0 to 1: the mean of two places among all units, by 1 − APoZ and by the mean |a| against that of the unit's
   * group, as layers differ in the size of their activations.
   */
  readonly importance: Float64Array;
}

/**
 * @param options `order` of images of the classes: see `imagesOfClasses`
 * @throws SkeinError as `Meter.observe` does
 */
export async function classImportance(
  meter: Meter,
  model: Model,
  groups: ChannelGroups,
  data: Dataset,
  preprocessing: Preprocessing,
  options: ObserveOptions & { readonly zero?: number } = {},
): Promise<ClassImportance> {
  const statistics = await activationStatistics(meter, model, groups, data, preprocessing, { zero: ZERO, ...options });
  const { apoz, mean } = statistics;
  return { ...statistics, importance: rankedBy([apoz.map((zeros) => 1 - zeros), normalizedByGroup(mean, groups)]) };
}

/** Images of these classes, `count` at most, each class with its share of them. */
export function imagesOfClasses(
  labels: Int32Array,
  classes: readonly number[],
  count: number,
  seed: number,
): Uint32Array {
  const wanted = new Set(classes);
  const own = Uint32Array.from([...labels.keys()].filter((i) => wanted.has(labels[i] as number)));
  const ownLabels = Int32Array.from(own, (i) => labels[i] as number);
  return stratifiedSample(ownLabels, Math.min(count, own.length), seed).map((i) => own[i] as number);
}

/** As many images of these classes as of others, `count` in all at most, as a part is trained on. */
export function imagesOfBothSides(
  labels: Int32Array,
  classes: readonly number[],
  count: number,
  seed: number,
): Uint32Array {
  const own = new Set(classes);
  const others = [...new Set(labels)].filter((label) => !own.has(label)).sort((a, b) => a - b);
  const half = Math.ceil(count / 2);
  return Uint32Array.from([
    ...imagesOfClasses(labels, classes, half, seed),
    ...(others.length === 0 ? [] : imagesOfClasses(labels, others, count - half, seed)),
  ]);
}
