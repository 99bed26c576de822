/**
 * In which order channels go: the least important first, in portions that leave widths which are fast, and never the last
 * of a layer. Where a residual branch loses all its channels, the block goes as a whole.
 */
import type { Model } from '../../graph/index.ts';
import {
  type ChannelGroup,
  type ChannelGroups,
  removeBranches,
  removeChannels,
  residualBranches,
} from '../../transforms/index.ts';
import { AxisCounts } from './axis-counts.ts';
import { emptiableGroups } from './emptiable-groups.ts';

/** What goes at once. */
export interface PruningStep {
  readonly units: readonly number[];
  /** The residual branch that goes with them, by the output of its Add. */
  readonly branch?: string;
}

export interface OrderOptions {
  /**
   * `global`: all channels of the network are compared. `layer`: every group loses the same share; the importance decides
   * within it. `global` unless told.
   */
  readonly scope?: 'global' | 'layer';
  /** A number that the channels of a group that are left are a multiple of; `fastMultiple` of its size unless told. */
  readonly multiple?: (group: ChannelGroup) => number;
  /** How many channels of a group stay, unless its whole block goes; an eighth unless told. */
  readonly least?: (group: ChannelGroup) => number;
  /** Whether residual blocks may go as a whole; true unless told. */
  readonly blocks?: boolean;
}

/** Convolutions compute 16 channels at once with AVX-512; narrow layers gain from 8 or 4 on the side that reads them. */
export function fastMultiple(size: number): number {
  if (size >= 48) return 16;
  if (size >= 16) return 8;
  return size >= 8 ? 4 : 1;
}

const fastOfAll = ({ units }: ChannelGroup): number => fastMultiple(units.length);
const anEighth = ({ units }: ChannelGroup): number => units.length / 8;

interface Portion extends PruningStep {
  readonly priority: number;
}

/**
 * @param importance of each unit, comparable between groups where `scope` is `global`; NaN for units that must stay
 */
export function pruningOrder(
  model: Model,
  groups: ChannelGroups,
  importance: Float64Array,
  options: OrderOptions = {},
): PruningStep[] {
  const branches = options.blocks === false ? new Map<number, string>() : emptiableGroups(model, groups);
  const portions = groups.groups.flatMap((group, g) => portionsOf(group, importance, options, branches.get(g)));
  portions.sort((a, b) => a.priority - b.priority);
  const counts = new AxisCounts(groups);
  const gone = new Set<string>();
  return portions
    .filter(({ units, branch }) => {
      // A portion that would leave an axis empty, such as one part of a Split, stays.
      if (branch === undefined) return counts.remove(units);
      const first = !gone.has(branch);
      gone.add(branch);
      return first;
    })
    .map(({ units, branch }) => (branch === undefined ? { units } : { units, branch }));
}

function portionsOf(
  group: ChannelGroup,
  importance: Float64Array,
  { scope = 'global', multiple = fastOfAll, least = anEighth }: OrderOptions,
  branch: string | undefined,
): Portion[] {
  const { units } = group;
  const of = (unit: number): number => importance[unit] ?? Number.NaN;
  const sorted = units.filter((unit) => !Number.isNaN(of(unit))).sort((a, b) => of(a) - of(b) || a - b);
  const step = Math.max(1, Math.min(multiple(group), units.length));
  const floor = Math.max(1, Math.ceil(least(group) / step)) * step;
  const portions: Portion[] = [];
  let highest = Number.NEGATIVE_INFINITY;
  const add = (portion: readonly number[], from: number, more: Pick<PruningStep, 'branch'> = {}): void => {
    const mean = portion.reduce((sum, unit) => sum + of(unit), 0) / portion.length;
    // What is left of a group cannot go before what is less important in it.
    highest = Math.max(highest, scope === 'layer' ? (from + portion.length) / units.length : mean);
    portions.push({ units: portion, priority: highest, ...more });
  };
  let from = 0;
  let left = units.length;
  while (left > floor) {
    const count = left % step === 0 ? step : left % step;
    if (from + count > sorted.length) break;
    add(sorted.slice(from, from + count), from);
    from += count;
    left -= count;
  }
  if (branch !== undefined && sorted.length === units.length) add(sorted.slice(from), from, { branch });
  return portions;
}

/** The model after these steps. */
export function prunedModel(model: Model, groups: ChannelGroups, steps: readonly PruningStep[]): Model {
  const emptied = new Set(steps.flatMap(({ branch }) => branch ?? []));
  const units = steps.filter(({ branch }) => branch === undefined).flatMap((step) => step.units);
  const narrow = removeChannels(model, groups, units);
  if (emptied.size === 0) return narrow;
  return removeBranches(
    narrow,
    residualBranches(narrow).filter(({ output }) => emptied.has(output)),
  );
}
