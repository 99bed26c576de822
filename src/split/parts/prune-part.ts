/**
 * Takes out of a network what is not for some of its classes, before any training as sensAI does: channels that are silent by
 * thresholds, then those that are worth least, until targets are met. Widths that are left are fast, and none is 0.
 */
import {
  fastMultiple,
  type OrderOptions,
  type PruneModelOptions,
  type PruningTarget,
  perCost,
  prunedModel,
  pruneModel,
  pruneWhile,
  pruningOrder,
  type UnitCosts,
  unitCosts,
} from '../../compress/index.ts';
import type { Model } from '../../graph/index.ts';
import type { CostOptions } from '../../ops/index.ts';
import { type ChannelGroups, channelGroups } from '../../transforms/index.ts';
import type { ClassImportance } from './class-importance.ts';

/** Where a channel counts as silent: at least one of them; both must hold where both are given. */
export interface SilenceThresholds {
  /** It goes where its average percentage of zeros, a fraction of 1, is above this (the authors': 0.73) … */
  readonly apoz?: number;
  /** … and its mean |a| below this (0.01). */
  readonly meanActivation?: number;
}

export interface PrunePartOptions
  extends Pick<PruneModelOptions, 'keep' | 'multiple' | 'moments' | 'rounds' | 'unreachable' | 'signal'> {
  readonly thresholds?: SilenceThresholds;
  /** All are met; none leaves it at the thresholds. */
  readonly targets?: readonly PruningTarget[];
  /** In place of targets: channels go as long as this holds of what is left. */
  readonly holds?: (model: Model) => Promise<boolean>;
  readonly judge: (model: Model, groups: ChannelGroups) => Promise<ClassImportance>;
  /** What targets save, which the importance is held against: see `perCost`. Not at all unless told. */
  readonly against?: {
    readonly costs: readonly (keyof UnitCosts)[];
    readonly weight: number;
    /** The shape of an image, where the model leaves it open. */
    readonly options?: CostOptions;
  };
}

/**
 * @param model one that went through the pass `fold`
 * @throws SkeinError as `pruneModel` does
 */
export async function prunePart(model: Model, options: PrunePartOptions): Promise<Model> {
  const { thresholds = {}, targets = [], judge, against, holds, ...others } = options;
  const isTold = thresholds.apoz !== undefined || thresholds.meanActivation !== undefined;
  const audible = isTold ? await withoutSilent(model, thresholds, options) : model;
  if (targets.length === 0 && holds === undefined) return audible;
  const score = async (each: Model, groups: ChannelGroups): Promise<Float64Array> => {
    const { importance } = await judge(each, groups);
    if (against === undefined) return importance;
    const costs = unitCosts(each, groups, against.options);
    return perCost(
      importance,
      against.costs.map((kind) => costs[kind]),
      against.weight,
    );
  };
  if (holds === undefined) return pruneModel(audible, { ...others, targets, score });
  const groups = channelGroups(audible);
  const order = pruningOrder(audible, groups, await score(audible, groups), orderOptions(options));
  return pruneWhile(audible, groups, order, holds);
}

async function withoutSilent(
  model: Model,
  { apoz: mostZeros = Number.NEGATIVE_INFINITY, meanActivation = Number.POSITIVE_INFINITY }: SilenceThresholds,
  options: PrunePartOptions,
): Promise<Model> {
  const groups = channelGroups(model);
  const { importance, apoz, mean } = await options.judge(model, groups);
  const isSilent = (unit: number): boolean =>
    (apoz[unit] as number) > mostZeros && (mean[unit] as number) < meanActivation;
  // What must stay has no importance, for the order of pruning.
  const ofSilent = importance.map((value, unit) => (isSilent(unit) ? value : Number.NaN));
  return prunedModel(model, groups, pruningOrder(model, groups, ofSilent, orderOptions(options)));
}

function orderOptions({ keep = 0, multiple = fastMultiple }: PrunePartOptions): OrderOptions {
  return { least: ({ units }) => keep * units.length, multiple: ({ units }) => multiple(units.length) };
}
