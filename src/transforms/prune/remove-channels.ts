/**
 * Takes units of channels out of a model: every parameter loses their slices, and what counts channels (groups, pads,
 * sizes of parts, shapes) is written anew. The result computes what the model computes with the weights of these channels
 * in the layers that read them set to zero.
 */
import { SkeinError } from '../../base/index.ts';
import { constantInitializers, GraphEditor, type Model, type Node, standardOpset } from '../../graph/index.ts';
import { infer, OpContext } from '../../ops/index.ts';
import { formatShape } from '../../tensor/index.ts';
import { type ChannelGroups, channelRuleOf, type Narrowing } from '../channels/index.ts';
import { takeAlong } from './take-along.ts';

/**
 * @param groups `channelGroups` of this model, or of one that differs in the numbers of its weights only
 * @param remove units by number
 * @throws SkeinError 'invalid-argument' where an axis would be left without channels or the groups are not this model's
 */
export function removeChannels(model: Model, groups: ChannelGroups, remove: Iterable<number>): Model {
  const gone = new Set(remove);
  if (gone.size === 0) return model;
  check(model, groups, gone);
  const kept = keptIndices(groups, gone);
  const editor = new GraphEditor(model.graph);
  const constants = constantInitializers(model.graph, model.irVersion);
  const narrowing: Narrowing = {
    kept: (value, axis) => kept.get(value)?.get(axis),
    layoutOf: (value) => groups.layouts.get(value) ?? [],
    keeps: (atom) => !gone.has(groups.unitOfAtom[atom] ?? -1),
    constant: (name) => constants.get(name),
    addConstant: (base, tensor) => editor.addInitializer(base, tensor),
    opset: standardOpset(model),
  };
  for (const node of model.graph.nodes) narrowNode(editor, node, groups, narrowing);
  for (const [name, axes] of kept) {
    const tensor = constants.get(name);
    if (tensor !== undefined) editor.setInitializer(name, takeAlong(tensor, axes));
  }
  editor.removeUnused();
  const result = { ...model, graph: editor.build() };
  verify(result, groups, kept);
  return result;
}

function check({ graph }: Model, groups: ChannelGroups, gone: ReadonlySet<number>): void {
  for (const unit of gone) {
    if (unit >= 0 && unit < groups.unitCount && Number.isInteger(unit)) continue;
    throw new SkeinError(
      'invalid-argument',
      `Cannot remove unit ${unit} of channels: the model has units 0 to ${groups.unitCount - 1}`,
    );
  }
  for (const { name, axis, units } of groups.parameters) {
    const size = graph.initializers.get(name)?.dims[axis];
    if (size === units.length) continue;
    throw new SkeinError(
      'invalid-argument',
      `Cannot remove channels: axis ${axis} of '${name}' must have ${units.length}, it has ${size ?? 'none'}; the groups must be those of this model`,
    );
  }
}

type Kept = ReadonlyMap<string, ReadonlyMap<number, Int32Array>>;

/** What is left of each axis that loses something. @throws SkeinError if that is nothing */
function keptIndices(groups: ChannelGroups, gone: ReadonlySet<number>): Kept {
  const kept = new Map<string, Map<number, Int32Array>>();
  for (const { name, axis, units } of [...groups.parameters, ...groups.values]) {
    if (!units.some((unit) => gone.has(unit))) continue;
    const left = Int32Array.from([...units.keys()].filter((i) => !gone.has(units[i] ?? -1)));
    if (left.length === 0) {
      throw new SkeinError(
        'invalid-argument',
        `Cannot remove all ${units.length} channels of '${name}': at least one must stay`,
      );
    }
    const axes = kept.get(name) ?? new Map<number, Int32Array>();
    kept.set(name, axes.set(axis, left));
  }
  return kept;
}

function narrowNode(editor: GraphEditor, node: Node, groups: ChannelGroups, narrowing: Narrowing): void {
  const rule = channelRuleOf(node);
  if (rule?.narrow === undefined) return;
  const op = new OpContext(node, groups.inference.types, groups.inference.values);
  const narrowed = rule.narrow(op, narrowing);
  if (narrowed !== node) editor.replaceNode(node, narrowed);
}

/** Every value must have the shape that was meant. */
function verify(after: Model, groups: ChannelGroups, kept: Kept): void {
  const { types } = infer(after, { declared: false });
  for (const name of new Set([...after.graph.nodes.flatMap(({ outputs }) => outputs), ...kept.keys()])) {
    const dims = types.get(name)?.dims;
    const meant = groups.inference.types.get(name)?.dims?.map((dim, axis) => kept.get(name)?.get(axis)?.length ?? dim);
    if (dims === undefined || meant === undefined) continue;
    const agrees = dims.length === meant.length && dims.every((dim, i) => typeof dim !== 'number' || dim === meant[i]);
    if (agrees) continue;
    throw new SkeinError(
      'internal',
      `Cannot remove channels: '${name}' should become ${formatShape(meant)}, but is ${formatShape(dims)}`,
    );
  }
}
