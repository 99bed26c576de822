/** How many channels each axis of a network has left, so that none is emptied. */
import type { ChannelGroups } from '../../transforms/index.ts';

export class AxisCounts {
  readonly #left: number[] = [];
  /** The axes that a unit lies on, one entry for each of its indices. */
  readonly #axes: number[][];

  constructor(groups: ChannelGroups) {
    this.#axes = Array.from({ length: groups.unitCount }, () => []);
    for (const { units } of [...groups.parameters, ...groups.values]) {
      const axis = this.#left.push(units.length) - 1;
      for (const unit of units) if (unit >= 0) this.#axes[unit]?.push(axis);
    }
  }

  /** Takes the units off every axis; false, and nothing is taken, where that would empty one. */
  remove(units: readonly number[]): boolean {
    const taken = new Map<number, number>();
    for (const unit of units) {
      for (const axis of this.#axes[unit] ?? []) taken.set(axis, (taken.get(axis) ?? 0) + 1);
    }
    for (const [axis, count] of taken) if ((this.#left[axis] ?? 0) <= count) return false;
    for (const [axis, count] of taken) this.#left[axis] = (this.#left[axis] ?? 0) - count;
    return true;
  }
}

/**
 * Those of the units, the first first, that can all go without emptying an axis: for units chosen by thresholds, which may
 * well be all of a layer.
 */
export function leavingOne(groups: ChannelGroups, units: readonly number[]): number[] {
  const counts = new AxisCounts(groups);
  return units.filter((unit) => counts.remove([unit]));
}
