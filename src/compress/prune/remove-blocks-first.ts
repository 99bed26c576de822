/**
 * Whole residual blocks go before channels do: blocks bring time down in proportion, channels of narrow layers do not, and
 * together they lose less than either alone.
 */
import type { Model } from '../../graph/index.ts';
import { removeBranches, residualBranches } from '../../transforms/index.ts';
import type { PruningTarget } from './prune-to-target.ts';
import { type BranchOptions, removeLeastBranches, type ShallowerModel } from './remove-least-branches.ts';

export interface BlocksFirstOptions extends Omit<BranchOptions, 'enough'> {
  /**
   * Of the way to each target, as a factor of its cost: 0 removes no block, 1 goes all the way. Unless told a quarter for
   * models of eight blocks or more, none for others.
   */
  readonly part?: number;
}

const PART = 0.25;
const MANY = 8;

/**
 * @returns the model as it is, with `reached` false, where all blocks together would not bring it as far: what costs most
 *   lies elsewhere, and they would be lost for nothing
 * @throws SkeinError as `removeLeastBranches`
 */
export async function removeBlocksFirst(
  model: Model,
  targets: readonly PruningTarget[],
  { part: given, ...options }: BlocksFirstOptions,
): Promise<ShallowerModel> {
  const part = given ?? (residualBranches(model).length >= MANY ? PART : 0);
  const kept: ShallowerModel = { model, removed: [], reached: part === 0 };
  if (part === 0) return kept;
  const goals: { cost: PruningTarget['cost']; most: number }[] = [];
  for (const { cost, most } of targets) {
    const now = await cost(model);
    goals.push({ cost, most: now * (most / now) ** part });
  }
  const enough = async (each: Model): Promise<boolean> => {
    for (const { cost, most } of goals) if ((await cost(each)) > most) return false;
    return true;
  };
  if (!(await enough(withoutAny(model)))) return kept;
  const shallow = await removeLeastBranches(model, { ...options, enough });
  return shallow.reached ? shallow : kept;
}

function withoutAny(model: Model): Model {
  let bare = model;
  for (;;) {
    const [branch] = residualBranches(bare);
    if (branch === undefined) return bare;
    bare = removeBranches(bare, [branch]);
  }
}
