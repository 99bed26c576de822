/**
 * Makes a residual network shallower: takes whole branches out, each time the one without which the loss on real images
 * grows least, judged anew after each. Blocks of one stage stand in for each other, so an order found once would be wrong.
 */
import { SkeinError } from '../../base/index.ts';
import type { Dataset, Preprocessing } from '../../data/index.ts';
import type { Model } from '../../graph/index.ts';
import { type ResidualBranch, removeBranches, residualBranches } from '../../transforms/index.ts';
import type { Meter } from '../meter.ts';

export interface BranchOptions {
  readonly meter: Meter;
  readonly data: Dataset;
  readonly preprocessing: Preprocessing;
  /** The images that losses are measured on; some hundred are enough. All of the data unless told. */
  readonly order?: ArrayLike<number>;
  /** Whether enough is gone. Asked before each removal. */
  readonly enough: (model: Model) => Promise<boolean> | boolean;
  /** So many of the likeliest are tried before each removal; 6 unless told. */
  readonly tries?: number;
  readonly signal?: AbortSignal;
  /** Told after each removal. */
  readonly onRemoved?: (removed: RemovedBranch) => void;
}

export interface RemovedBranch {
  /** Names the block: the output of its Add. */
  readonly output: string;
  /** Mean cross-entropy without it and those before it. */
  readonly loss: number;
  /** Fraction of 1. */
  readonly top1: number;
}

export interface ShallowerModel {
  readonly model: Model;
  readonly removed: readonly RemovedBranch[];
  /** False where no branch is left and it is still not enough. */
  readonly reached: boolean;
}

/** @throws SkeinError 'cancelled' on the signal */
export async function removeLeastBranches(model: Model, options: BranchOptions): Promise<ShallowerModel> {
  const { enough, tries = 6, signal, onRemoved } = options;
  const removed: RemovedBranch[] = [];
  /** Losses without each branch, of when it was last tried; those before a trial come first. */
  const losses = new Map<string, number>();
  let current = model;
  while (!(await enough(current))) {
    const branches = residualBranches(current);
    if (branches.length === 0) return { model: current, removed, reached: false };
    branches.sort((a, b) => (losses.get(a.output) ?? 0) - (losses.get(b.output) ?? 0));
    // The first time around nothing is known of any of them.
    const tried = losses.size === 0 ? branches : branches.slice(0, tries);
    let best: { readonly model: Model; readonly removed: RemovedBranch } | undefined;
    for (const branch of tried) {
      if (signal?.aborted) throw new SkeinError('cancelled', `Stopped after ${removed.length} blocks were removed`);
      const { without, loss: measured, top1 } = await lossWithout(current, branch, options);
      const loss = Number.isNaN(measured) ? Number.POSITIVE_INFINITY : measured;
      losses.set(branch.output, loss);
      if (best === undefined || loss < best.removed.loss) {
        best = { model: without, removed: { output: branch.output, loss, top1 } };
      }
    }
    if (best === undefined) break;
    current = best.model;
    removed.push(best.removed);
    onRemoved?.(best.removed);
  }
  return { model: current, removed, reached: true };
}

async function lossWithout(model: Model, branch: ResidualBranch, { meter, data, preprocessing, order }: BranchOptions) {
  const without = removeBranches(model, [branch]);
  const { loss, top1 } = await meter.accuracy(without, data, preprocessing, order === undefined ? {} : { order });
  return { without, loss, top1 };
}
