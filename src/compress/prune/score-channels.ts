/** The criteria of pruning by name, each as numbers that are comparable over all layers. */
import { SkeinError } from '../../base/index.ts';
import type { Dataset, Preprocessing } from '../../data/index.ts';
import type { Model } from '../../graph/index.ts';
import type { CostOptions } from '../../ops/index.ts';
import type { ChannelGroups } from '../../transforms/index.ts';
import type { Meter } from '../meter.ts';
import { activationStatistics } from './activation-importance.ts';
import { normalizedByGroup } from './scores.ts';
import { taylorImportance } from './taylor-importance.ts';
import { unitCosts } from './unit-costs.ts';
import { l1Importance, l2Importance, scaleImportance } from './weight-importance.ts';

export const CRITERIA = ['taylor', 'l1', 'l2', 'bn-scale', 'apoz', 'mean-activation'] as const;

export type Criterion = (typeof CRITERIA)[number];

export interface ScoreOptions {
  readonly criterion: Criterion;
  /** What the pruning is to save: the loss is judged against that. */
  readonly saves: 'macs' | 'params';
  /** How costs are counted: the shape of an image, where the model leaves it open. */
  readonly cost?: CostOptions;
  readonly meter: Meter;
  /** For the criteria that look at images. */
  readonly data: Dataset;
  readonly preprocessing: Preprocessing;
  /** Which images; all of them unless told. */
  readonly order?: ArrayLike<number>;
  /** Threads to compute with; 1 unless told. */
  readonly threads?: number;
  readonly onImages?: (images: number) => void;
}

/**
 * @throws SkeinError 'unsupported' for 'bn-scale' without batch normalisations and 'apoz' without zeros; as the criteria do
 */
export async function scoreChannels(model: Model, groups: ChannelGroups, options: ScoreOptions): Promise<Float64Array> {
  switch (options.criterion) {
    case 'l1':
      return l1Importance(model, groups);
    case 'l2':
      return l2Importance(model, groups);
    case 'bn-scale':
      return requireSome(scaleImportance(model, groups));
    case 'taylor':
      return taylorByCost(model, groups, options);
    case 'apoz': {
      const { apoz } = await statistics(model, groups, options);
      if (!apoz.some((zeros) => zeros > 0)) {
        throw new SkeinError(
          'unsupported',
          'Cannot judge channels by apoz: nothing in the model is ever zero, as behind a ReLU; judge by taylor or mean-activation',
        );
      }
      return apoz.map((zeros) => 1 - zeros);
    }
    case 'mean-activation': {
      const { mean } = await statistics(model, groups, options);
      return timesReaders(normalizedByGroup(mean, groups), groups);
    }
  }
}

function requireSome(scores: Float64Array): Float64Array {
  if (scores.some((score) => !Number.isNaN(score))) return scores;
  throw new SkeinError('unsupported', 'Cannot judge channels by bn-scale: the model has no batch normalisation');
}

/** The loss that a channel is worth against what it costs, so that cheap and expensive layers compare. */
async function taylorByCost(model: Model, groups: ChannelGroups, options: ScoreOptions): Promise<Float64Array> {
  const { data, preprocessing, order, threads, onImages, saves, cost } = options;
  const importance = await taylorImportance(model, groups, data, preprocessing, {
    ...(order === undefined ? {} : { order }),
    ...(threads === undefined ? {} : { threads }),
    ...(onImages === undefined ? {} : { onBatch: onImages }),
  });
  const costs = unitCosts(model, groups, cost)[saves];
  // What costs nothing is worth nothing to remove.
  return importance.map((value, unit) => (costs[unit] === 0 ? Number.NaN : value / (costs[unit] ?? 1)));
}

function statistics(
  model: Model,
  groups: ChannelGroups,
  { meter, data, preprocessing, order, onImages }: ScoreOptions,
) {
  const words = { ...(order === undefined ? {} : { order }), ...(onImages === undefined ? {} : { onImages }) };
  return activationStatistics(meter, model, groups, data, preprocessing, words);
}

/** A channel that several layers read is missed in all of them. */
function timesReaders(importance: Float64Array, { consumed }: ChannelGroups): Float64Array {
  const readers = new Float64Array(importance.length);
  for (const { units } of consumed)
    for (const unit of new Set(units)) if (unit >= 0) readers[unit] = (readers[unit] ?? 0) + 1;
  return importance.map((value, unit) => value * (readers[unit] ?? 0));
}
