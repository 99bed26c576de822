/** How far to go along an order of pruning: as little as meets targets of MACs, parameters, or measured latency. */
import { SkeinError } from '../../base/index.ts';
import type { Model } from '../../graph/index.ts';
import { type CostOptions, costOf } from '../../ops/index.ts';
import type { ChannelGroups } from '../../transforms/index.ts';
import { type PruningStep, prunedModel } from './pruning-order.ts';

/** What is to be brought down, and to what. */
export interface PruningTarget {
  /** In messages: 'MACs', 'parameters', 'ms'. */
  readonly unit: string;
  /** Of one image. */
  readonly cost: (model: Model) => number | Promise<number>;
  readonly most: number;
}

export interface PrunedToTarget {
  readonly model: Model;
  /** Those of the order that were taken. */
  readonly steps: readonly PruningStep[];
  /** By each target. */
  readonly costs: readonly number[];
  /** False where the whole order is not enough: `model` is what it comes to. */
  readonly reached: boolean;
}

/** @param options the shape of an image, where the model leaves it open */
export function macsTarget(most: number, options: CostOptions = {}): PruningTarget {
  return { unit: 'MACs', most, cost: (model) => costOf(model, options).macs };
}

export function paramsTarget(most: number, options: CostOptions = {}): PruningTarget {
  return { unit: 'parameters', most, cost: (model) => costOf(model, options).params };
}

/** The shortest beginning of the order that meets all targets, found by bisection: each step makes the model cheaper. */
export async function pruneToTarget(
  model: Model,
  groups: ChannelGroups,
  order: readonly PruningStep[],
  targets: readonly PruningTarget[],
  signal?: AbortSignal,
): Promise<PrunedToTarget> {
  // Once one target is missed the others say nothing, and measuring them may take long.
  const after = async (count: number, completely = false): Promise<PrunedToTarget> => {
    const costs: number[] = [];
    const steps = order.slice(0, count);
    const pruned = prunedModel(model, groups, steps);
    let reached = true;
    for (const { cost, most } of targets) {
      if (signal?.aborted) throw new SkeinError('cancelled', 'Stopped while looking for how much to prune');
      const now = await cost(pruned);
      costs.push(now);
      if (now <= most) continue;
      reached = false;
      if (!completely) break;
    }
    return { model: pruned, steps, costs, reached };
  };
  const none = await after(0);
  if (none.reached) return none;
  let best = await after(order.length, true);
  if (!best.reached) return best;
  let [low, high] = [0, order.length];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    const tried = await after(middle);
    if (tried.reached) [high, best] = [middle, tried];
    else low = middle;
  }
  return best;
}

/**
 * The model after the longest beginning of the order that holds, found by bisection as if what does not hold never did again
 * further on; the model itself where not even one step does.
 */
export async function pruneWhile(
  model: Model,
  groups: ChannelGroups,
  order: readonly PruningStep[],
  holds: (model: Model) => Promise<boolean>,
): Promise<Model> {
  let [low, high, best] = [0, order.length + 1, model];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    const tried = prunedModel(model, groups, order.slice(0, middle));
    if (await holds(tried)) [low, best] = [middle, tried];
    else high = middle;
  }
  return best;
}
