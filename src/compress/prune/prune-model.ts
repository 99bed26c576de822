/**
 * Pruning in rounds: in each the channels that are left are judged anew, since what one layer loses changes what the others
 * are worth, and the model may be trained in between. Each round brings the costs down by the same factor.
 */
import { SkeinError } from '../../base/index.ts';
import type { Model } from '../../graph/index.ts';
import {
  type ChannelGroup,
  type ChannelGroups,
  channelGroups,
  compensatingRemoved,
  type InputMoments,
} from '../../transforms/index.ts';
import { type PruningTarget, pruneToTarget } from './prune-to-target.ts';
import { fastMultiple, type OrderOptions, prunedModel, pruningOrder } from './pruning-order.ts';

export interface PruneModelOptions extends Pick<OrderOptions, 'scope' | 'blocks'> {
  /** All are met. */
  readonly targets: readonly PruningTarget[];
  /** 1 unless told. */
  readonly rounds?: number;
  /** The importance of each unit; see `pruningOrder`. */
  readonly score: (model: Model, groups: ChannelGroups, round: number) => Promise<Float64Array> | Float64Array;
  /**
   * What flows into the layers of a model, see `observeInputMoments`: those that lose input channels get weights by which
   * the others speak for them. Without it weights stay as they are.
   */
  readonly moments?: (model: Model, round: number) => Promise<ReadonlyMap<string, InputMoments>>;
  /** Of what the channels of a group that are left are a multiple, by how many there were; `fastMultiple` unless told. */
  readonly multiple?: (size: number) => number;
  /** The share of a group's channels that stays in any case; an eighth unless told. */
  readonly keep?: number;
  /** Runs a round, or finds what it came to; `make` unless told. */
  readonly stage?: (round: number, model: Model, make: () => Promise<Model>) => Promise<Model>;
  /** What happens to the model after each round but the last. */
  readonly between?: (model: Model, round: number) => Promise<Model>;
  /** What comes of targets that are out of reach: an error, or the smallest model that there is. 'refuse' unless told. */
  readonly unreachable?: 'refuse' | 'smallest';
  readonly signal?: AbortSignal;
}

/**
 * @param model one that went through the pass `fold`
 * @throws SkeinError 'unsupported' where no channel can go, 'invalid-argument' where a target is out of reach, with the best
 *   that can be reached; 'cancelled' on the signal; as `score` and `between` do
 */
export async function pruneModel(
  model: Model,
  {
    targets,
    rounds = 1,
    score,
    moments,
    keep = 1 / 8,
    multiple = fastMultiple,
    stage,
    between,
    unreachable = 'refuse',
    signal,
    ...options
  }: PruneModelOptions,
): Promise<Model> {
  const { groups, unitCount, fixed } = channelGroups(model);
  if (unitCount === 0) {
    const reasons = fixed.map(({ reason }) => reason).join('; ');
    throw new SkeinError(
      'unsupported',
      `Cannot prune the model: none of its channels can be removed${reasons === '' ? ', it has no convolution or linear layer' : ` (${reasons})`}`,
    );
  }
  const sizes = new Map(groups.map(({ name, units }) => [name, units.length]));
  const sizeOf = ({ name, units }: ChannelGroup): number => sizes.get(name) ?? units.length;
  const before: number[] = [];
  for (const { cost } of targets) before.push(await cost(model));
  const goals = (round: number): PruningTarget[] =>
    targets.map((target, i) => {
      const from = before[i] ?? 0;
      const part = target.most < from ? from * (target.most / from) ** (round / rounds) : target.most;
      return { ...target, most: round === rounds ? target.most : part };
    });
  const prune = async (current: Model, round: number): Promise<Model> => {
    const found = channelGroups(current);
    const order = pruningOrder(current, found, await score(current, found, round), {
      ...options,
      least: (group) => keep * sizeOf(group),
      multiple: (group) => multiple(sizeOf(group)),
    });
    if (round === 1 && rounds > 1 && unreachable === 'refuse') {
      // Not after hours of training in between.
      const bare = prunedModel(current, found, order);
      const costs: number[] = [];
      for (const { cost } of targets) costs.push(await cost(bare));
      if (targets.some(({ most }, i) => (costs[i] ?? 0) > most)) throw outOfReach(targets, costs);
    }
    const pruned = await pruneToTarget(current, found, order, goals(round), signal);
    if (!pruned.reached && unreachable === 'refuse') throw outOfReach(targets, pruned.costs);
    if (moments === undefined) return pruned.model;
    const { model: narrow, steps } = pruned;
    const gone = steps.flatMap(({ units, branch }) => (branch === undefined ? units : []));
    const fitting = compensatingRemoved(current, narrow, found, gone, await moments(current, round));
    for (;;) {
      const step = fitting.next();
      if (step.done) return step.value;
      // A layer takes seconds where it is wide: signals are heard in between.
      await new Promise((resume) => setImmediate(resume));
      if (signal?.aborted) throw new SkeinError('cancelled', 'Stopped while weights were fitted to what was pruned');
    }
  };
  let current = model;
  for (let round = 1; round <= rounds; round++) {
    const from = current;
    const make = (): Promise<Model> => prune(from, round);
    current = await (stage === undefined ? make() : stage(round, from, make));
    if (round < rounds && between !== undefined) current = await between(current, round);
  }
  return current;
}

/** @param costs of the smallest model that there is, by each target */
function outOfReach(targets: readonly PruningTarget[], costs: readonly number[]): SkeinError {
  const round = (value: number): string => String(Number(value.toPrecision(4)));
  const missed = targets
    .map(({ unit, most }, i) => ({ unit, most, cost: costs[i] ?? 0 }))
    .filter(({ most, cost }) => cost > most)
    .map(({ unit, most, cost }) => `${round(most)} ${unit} (the least that can be reached is ${round(cost)})`);
  const missing = missed.length > 0 ? missed.join(' and ') : 'the targets';
  return new SkeinError(
    'invalid-argument',
    `Cannot prune to ${missing}: cut less, or let a smaller part of the channels stay in any case`,
  );
}
