/** The groups whose channels are all that a residual branch passes on somewhere: without them the block does nothing. */
import type { Model } from '../../graph/index.ts';
import { producersOf } from '../../graph/index.ts';
import { type ChannelGroups, type ResidualBranch, residualBranches } from '../../transforms/index.ts';

/** The branch of each such group, by the output of its Add. */
export function emptiableGroups(model: Model, groups: ChannelGroups): Map<number, string> {
  const producers = producersOf(model.graph);
  const found = new Map<number, string>();
  const branches = residualBranches(model);
  const owners = ownersOf(branches);
  for (const { name, units } of groups.values) {
    const node = producers.get(name);
    const owner = node && owners.get(node);
    const [first = -1] = units;
    const group = groups.groupOf[first] ?? -1;
    if (owner === undefined || first < 0 || found.has(group)) continue;
    // All of the axis, and nothing but the axis, is the group.
    const own = new Set(units);
    if (own.size !== groups.groups[group]?.units.length || !units.every((unit) => groups.groupOf[unit] === group))
      continue;
    if (isCut(owner, name, producers)) found.set(group, owner.output);
  }
  return found;
}

type Producers = ReturnType<typeof producersOf>;

/** The innermost branch of each node. */
function ownersOf(branches: readonly ResidualBranch[]) {
  const owners = new Map<ResidualBranch['nodes'][number], ResidualBranch>();
  for (const branch of [...branches].sort((a, b) => b.nodes.length - a.nodes.length)) {
    for (const node of branch.nodes) owners.set(node, branch);
  }
  return owners;
}

/** Whether every way through the branch goes through the value. */
function isCut({ added, shortcut, nodes }: ResidualBranch, value: string, producers: Producers): boolean {
  const inside = new Set(nodes);
  const seen = new Set<string>();
  const open = [added];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (name === value || seen.has(name)) continue;
    if (name === shortcut) return false;
    seen.add(name);
    const node = producers.get(name);
    if (node !== undefined && inside.has(node)) open.push(...node.inputs);
  }
  return true;
}
