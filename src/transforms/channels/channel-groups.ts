/**
 * The channels of a network that can be removed, and what goes with each: the idea of DepGraph (Fang et al. 2023, DepGraph:
 * Towards Any Structural Pruning), but index by index instead of layer by layer. Every index along a channel axis is an
 * atom; the rules of the operators unite those that only go together, whichever layers they are in. A class of atoms is
 * a unit; units that the same layers make form a group. What an operator without a rule sees, graph inputs and graph
 * outputs stay as they are, with the reason.
 *
 * Give it a model that went through the pass `fold`: shape arithmetic and Constant nodes hide channels.
 */
import { constantInitializers, consumersOf, describeNode, type Model, type Node, usedBy } from '../../graph/index.ts';
import { type Inference, infer, unnamedBatches } from '../../ops/index.ts';
import { ChannelContext } from './channel-context.ts';
import { ChannelLabels } from './channel-labels.ts';
import type { ChannelLayout, ChannelRole } from './channel-layout.ts';
import { channelRuleOf } from './channel-rules.ts';

/** One axis of an initializer or a value, with the unit that each index belongs to. */
export interface ChannelAxis {
  readonly name: string;
  readonly axis: number;
  /** A unit's number, or −1 for what stays. */
  readonly units: Int32Array;
}

export interface ParameterAxis extends ChannelAxis {
  readonly role: ChannelRole | undefined;
}

export interface ChannelGroup {
  /** The first initializer that makes these channels, without `.weight`; where it makes several groups, numbered: `conv1#2`. */
  readonly name: string;
  /** All units, in the order of their first indices. */
  readonly units: readonly number[];
}

/** Channels that stay, by reason. */
export interface FixedChannels {
  readonly reason: string;
  /** Initializers along whose output channels these lie. */
  readonly layers: readonly string[];
}

export interface ChannelGroups {
  /** Units are numbered from 0, group by group. */
  readonly unitCount: number;
  readonly groups: readonly ChannelGroup[];
  /** The group of each unit. */
  readonly groupOf: Int32Array;
  /** Every axis of an initializer along which units lie. */
  readonly parameters: readonly ParameterAxis[];
  /** Every axis of a computed value along which units lie. */
  readonly values: readonly ChannelAxis[];
  /** Those of `values` that a weight sums over: what a channel tells the rest of the network. */
  readonly consumed: readonly ChannelAxis[];
  readonly fixed: readonly FixedChannels[];
  /** For `removeChannels`: where the channels of each value lie, by atoms, and the unit of each atom (or −1). */
  readonly layouts: ReadonlyMap<string, ChannelLayout>;
  readonly unitOfAtom: Int32Array;
  readonly inference: Inference;
}

/** @throws SkeinError 'invalid-argument' where the model's shapes contradict */
export function channelGroups(model: Model): ChannelGroups {
  const { graph } = model;
  const inference = infer(model, { declared: false, inputShapes: unnamedBatches(graph, 'batch') });
  const constants = constantInitializers(graph, model.irVersion);
  const labels = new ChannelLabels(constants);
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const around = { labels, inference, readers: consumersOf(graph), outputs };
  for (const { name } of graph.inputs) labels.setReason(name, `'${name}' is an input of the graph`);
  for (const node of graph.nodes) relate(node, around);
  for (const name of outputs) labels.fix(name, `'${name}' is an output of the graph`);
  labels.finish();
  return numbered(labels, constants, inference);
}

function relate(node: Node, around: ConstructorParameters<typeof ChannelContext>[1]): void {
  const { labels } = around;
  const rule = channelRuleOf(node);
  if (rule === undefined) {
    for (const name of usedBy(node)) labels.fix(name, `${describeNode(node)} is not understood`);
  } else {
    const context = new ChannelContext(node, around);
    rule.relate(context);
    context.finish();
  }
  for (const name of node.outputs) {
    if (labels.layoutOf(name).length > 0) continue;
    const source = node.inputs.find((input) => input !== '' && !labels.isConstant(input));
    const followed = source === undefined || labels.layoutOf(source).length > 0;
    labels.setReason(name, followed ? `${describeNode(node)} is not understood here` : labels.reasonOf(source));
  }
}

type AtomAxis = Omit<ParameterAxis, 'units'> & { readonly atoms: Int32Array; readonly constant: boolean };

function numbered(labels: ChannelLabels, constants: ReadonlyMap<string, unknown>, inference: Inference): ChannelGroups {
  const { classes, layouts } = labels;
  const axes: AtomAxis[] = [];
  for (const [name, layout] of layouts) {
    for (const { axis, axes: count, atoms } of layout) {
      if (count === 1) axes.push({ name, axis, atoms, role: labels.roleOf(name, axis), constant: constants.has(name) });
    }
  }
  const where = axesOfRoots(labels, axes);
  const byMakers = new Map<string, number[]>();
  for (const [root, list] of where) {
    if (!list.some((a) => axes[a]?.constant)) continue;
    const makers = list.filter((a) => axes[a]?.role === 'output');
    const key = makers.length > 0 ? makers.join() : `none:${list.join()}`;
    const members = byMakers.get(key);
    if (members === undefined) byMakers.set(key, [root]);
    else members.push(root);
  }
  const unitOfRoot = new Map<number, number>();
  const sameNames = new Map<string, number>();
  const groups = [...byMakers.values()].map((roots): ChannelGroup => {
    const units = roots.map((root) => {
      unitOfRoot.set(root, unitOfRoot.size);
      return unitOfRoot.size - 1;
    });
    const name = nameOf(where.get(roots[0] ?? 0) ?? [], axes);
    const count = (sameNames.get(name) ?? 0) + 1;
    sameNames.set(name, count);
    return { name: count === 1 ? name : `${name}#${count}`, units };
  });
  const groupOf = new Int32Array(unitOfRoot.size);
  for (const [g, { units }] of groups.entries()) for (const unit of units) groupOf[unit] = g;
  const unitOfAtom = Int32Array.from(
    { length: classes.count },
    (_, atom) => unitOfRoot.get(classes.rootOf(atom)) ?? -1,
  );
  const numberedAxes = axes
    .map((each) => ({ ...each, units: each.atoms.map((atom) => unitOfAtom[atom] ?? -1) }))
    .filter(({ units }) => units.some((unit) => unit >= 0));
  const values = numberedAxes
    .filter(({ constant }) => !constant)
    .map(({ name, axis, units }) => ({ name, axis, units }));
  return {
    unitCount: unitOfRoot.size,
    groups,
    groupOf,
    parameters: numberedAxes
      .filter(({ constant }) => constant)
      .map(({ name, axis, units, role }) => ({ name, axis, units, role })),
    values,
    consumed: values.filter(({ name, axis }) => labels.isConsumed(name, axis)),
    fixed: fixedBy(labels, axes),
    layouts,
    unitOfAtom,
    inference,
  };
}

/** For each class that may go, the axes on which it lies. */
function axesOfRoots({ classes }: ChannelLabels, axes: readonly AtomAxis[]): Map<number, number[]> {
  const where = new Map<number, number[]>();
  // A single channel cannot go.
  for (const { atoms } of axes) if (atoms.length === 1) classes.fix(atoms, '');
  for (const [a, { atoms }] of axes.entries()) {
    for (const atom of atoms) {
      const root = classes.rootOf(atom);
      if (classes.reasonOf(root) !== undefined) continue;
      const list = where.get(root);
      if (list === undefined) where.set(root, [a]);
      else if (list.at(-1) !== a) list.push(a);
    }
  }
  return where;
}

function nameOf(list: readonly number[], axes: readonly AtomAxis[]): string {
  const parameters = list.flatMap((a) => axes[a] ?? []).filter(({ constant }) => constant);
  const maker = parameters.find(({ role }) => role === 'output') ?? parameters[0];
  return (maker?.name ?? '').replace(/\.weight$/, '');
}

function fixedBy({ classes }: ChannelLabels, axes: readonly AtomAxis[]): FixedChannels[] {
  const layers = new Map<string, Set<string>>();
  for (const { name, role, atoms } of axes) {
    if (role !== 'output') continue;
    for (const atom of atoms) {
      const reason = classes.reasonOf(atom);
      if (reason === undefined || reason === '') continue;
      const list = layers.get(reason) ?? new Set<string>();
      layers.set(reason, list.add(name));
    }
  }
  return [...layers].map(([reason, names]) => ({ reason, layers: [...names] }));
}
