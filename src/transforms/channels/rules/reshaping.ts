/**
 * Operators that change shape or the order of axes. A Reshape may split channels into groups; where they come together
 * again as in a channel shuffle, the whole way is a permutation, which is written as one Gather once it is no longer
 * regular. A Flatten gives each channel several places in a row.
 */
import { type Dim, getInt, makeNode, type Node, Tensor } from '../../../graph/index.ts';
import type { Dims, Element, OpContext } from '../../../ops/index.ts';
import type { ChannelContext } from '../channel-context.ts';
import type { ChannelBlock } from '../channel-layout.ts';
import type { ChannelRule } from '../channel-rule.ts';
import type { Narrowing } from '../narrowing.ts';

const reshape: ChannelRule = {
  relate(c) {
    const y = c.op.outputDims(0);
    const blocks: ChannelBlock[] = [];
    if (c.isConstant(0)) return;
    for (const block of c.rawLayout(0)) {
      const made = y && reshapedBlock(c, block, y);
      if (made === undefined) c.fix(block.atoms);
      else blocks.push(made);
    }
    c.setOutput(0, blocks);
  },
  narrow: narrowReshape,
};

function reshapedBlock(c: ChannelContext, block: ChannelBlock, y: Dims): ChannelBlock | undefined {
  const x = c.dims(0);
  const axis = x && placeOf(x, block.axis, y);
  if (axis === undefined) return undefined;
  let size = 1;
  let axes = 0;
  while (size < block.atoms.length) {
    const dim = y[axis + axes++];
    if (typeof dim !== 'number') return undefined;
    size *= dim;
  }
  const times = size / block.atoms.length;
  if (!Number.isInteger(times)) return undefined;
  if (axes > 1) {
    if (times > 1) return undefined;
    const whole = { value: c.name(0), axis: block.axis, indices: block.atoms.map((_, i) => i) };
    return { axis, axes, atoms: block.atoms, origin: block.origin ?? whole };
  }
  if (block.axes > 1 && (times > 1 || !isPermutation(c, block, axis, y))) return undefined;
  if (c.node.opType === 'Reshape' && block.axes === 1 && narrowedTarget(c.op, axis, size) === undefined)
    return undefined;
  const atoms = Int32Array.from({ length: size }, (_, i) => block.atoms[Math.floor(i / times)] ?? 0);
  return { axis, axes: 1, atoms };
}

/** Where in `y` what lies before `axis` of `x` ends; undefined where that is no whole number of axes. */
function placeOf(x: Dims, axis: number, y: Dims): number | undefined {
  const before = x.slice(0, axis).filter((dim) => dim !== 1);
  let place = 0;
  for (const dim of before) {
    while (y[place] === 1) place++;
    if (dim === undefined || y[place] !== dim) return undefined;
    place++;
  }
  while (y[place] === 1 && place < y.length - 1) place++;
  return place;
}

/** Whether a value that comes together again is its origin with channels in another order, and nothing else. */
function isPermutation(c: ChannelContext, { origin }: ChannelBlock, axis: number, y: Dims): boolean {
  const source = origin && c.dimsOf(origin.value);
  if (source === undefined || origin?.axis !== axis || source.length !== y.length) return false;
  return source.every((dim, i) => dim !== undefined && dim === y[i]);
}

/** The elements of a Reshape's target where `axis` has `size`; undefined where they cannot be constants. */
function narrowedTarget(op: OpContext, axis: number, size: number): number[] | undefined {
  const value = op.value(1);
  const copies = getInt(op.node, 'allowzero', 0) === 0;
  const target = value?.elements.map((element: Element, i): number => {
    const dim: Dim = op.dims(0)?.[i];
    if (typeof element === 'number') return i === axis && element > 0 ? size : element;
    // A symbol: the dimension that the input has at the same place, or what is left.
    return copies && element !== undefined && element === dim ? 0 : -1;
  });
  if (target === undefined || target.filter((dim) => dim === -1).length > 1) return undefined;
  // A zero copies the dimension of the same place, whatever has become of it.
  return target;
}

function narrowReshape(op: OpContext, { layoutOf, kept, keeps, addConstant }: Narrowing): Node {
  const { node } = op;
  const [x = '', target = ''] = node.inputs;
  const [y = ''] = node.outputs;
  const split = layoutOf(x).find((block) => block.axes > 1);
  if (split?.origin !== undefined) {
    const block = layoutOf(y).find((each) => each.axes === 1);
    const left = kept(split.origin.value, split.origin.axis);
    if (block === undefined || left === undefined) return node;
    const places = new Map([...left].map((index, place) => [index, place]));
    const indices = [...split.origin.indices]
      .filter((_, i) => keeps(split.atoms[i] ?? 0))
      .map((i) => places.get(i) ?? 0);
    return makeNode({
      opType: 'Gather',
      name: node.name,
      inputs: [split.origin.value, addConstant(`${y}.indices`, Tensor.int64s(indices))],
      outputs: node.outputs,
      attributes: { axis: split.origin.axis },
    });
  }
  if (node.opType !== 'Reshape') return node;
  for (const block of layoutOf(y)) {
    const left = block.axes === 1 ? kept(y, block.axis) : undefined;
    const elements = left && narrowedTarget(op, block.axis, left.length);
    if (elements === undefined) continue;
    if (op.numbers(1)?.every((element, i) => element === elements[i])) return node;
    return { ...node, inputs: [x, addConstant(target, Tensor.int64s(elements))] };
  }
  return node;
}

const transpose: ChannelRule = {
  relate(c) {
    const rank = c.dims(0)?.length;
    if (rank === undefined) return;
    const perm = c.op.ints('perm') ?? Array.from({ length: rank }, (_, i) => rank - 1 - i);
    const blocks: ChannelBlock[] = [];
    for (const block of c.isConstant(0) ? c.layout(0) : c.rawLayout(0)) {
      const made = transposedBlock(c, block, perm);
      if (made === undefined) c.fix(block.atoms);
      else blocks.push(made);
    }
    c.setOutput(0, blocks);
  },
};

function transposedBlock(c: ChannelContext, block: ChannelBlock, perm: readonly number[]): ChannelBlock | undefined {
  const inside = (axis: number): boolean => axis >= block.axis && axis < block.axis + block.axes;
  const axis = perm.findIndex(inside);
  const order = perm.slice(axis, axis + block.axes);
  if (!order.every(inside)) return undefined;
  if (block.axes === 1) return { ...block, axis };
  const sizes = perm.map((_, i) => Number(c.dims(0)?.[i]));
  const strides = new Map<number, number>();
  let stride = 1;
  for (let i = block.axis + block.axes - 1; i >= block.axis; i--) {
    strides.set(i, stride);
    stride *= sizes[i] ?? 1;
  }
  // Where each element of the result, row by row, was before.
  let from = [0];
  for (const each of order) {
    from = from.flatMap((base) =>
      Array.from({ length: sizes[each] ?? 1 }, (_, i) => base + i * (strides.get(each) ?? 0)),
    );
  }
  // A shuffle moves channels only: of a value whose other axes change places, too, it is no permutation of channels.
  const others = perm.filter((each) => !inside(each) && sizes[each] !== 1);
  const inOrder = others.every((each, i) => i === 0 || each > (others[i - 1] ?? 0));
  const pick = (all: Int32Array): Int32Array => Int32Array.from(from, (i) => all[i] ?? 0);
  const { origin } = block;
  return {
    axis,
    axes: block.axes,
    atoms: pick(block.atoms),
    ...(origin && inOrder && { origin: { ...origin, indices: pick(origin.indices) } }),
  };
}

/** A shape that is read leaves channels alone where nobody looks at how many they are: exporters read the batch so. */
const shape: ChannelRule = {
  relate(c) {
    if (!c.isGraphOutput(0) && c.readers(0).every((reader) => picksSymbols(c, reader))) c.rawLayout(0);
  },
};

/** The number of channels is no symbol. */
function picksSymbols(c: ChannelContext, reader: Node): boolean {
  if (reader.domain !== '' || (reader.opType !== 'Gather' && reader.opType !== 'Slice')) return false;
  return c.valueOf(reader.outputs[0] ?? '')?.elements.every((element) => typeof element === 'string') ?? false;
}

export const reshapings = {
  Flatten: reshape,
  Reshape: reshape,
  Squeeze: reshape,
  Unsqueeze: reshape,
  Transpose: transpose,
  Shape: shape,
  Size: 'opaque',
  DepthToSpace: 'opaque',
  Expand: 'opaque',
  SpaceToDepth: 'opaque',
  Tile: 'opaque',
} as const;
