/** Concat, Split, Slice, Pad and Gather: ranges of channels that are put together, taken apart, or looked up. */
import { getInt, ints, Tensor } from '../../../graph/index.ts';
import { cutAlong, cuts, type OpContext } from '../../../ops/index.ts';
import type { ChannelContext } from '../channel-context.ts';
import type { ChannelBlock } from '../channel-layout.ts';
import type { ChannelRule } from '../channel-rule.ts';
import { withNumbers } from '../narrowing.ts';

/** The axis of attribute `axis`, from the front; undefined where the rank is not known. */
function axisOf(op: OpContext): number | undefined {
  const rank = op.dims(0)?.length;
  return rank === undefined ? undefined : op.axisOf(op.int('axis', 0), rank);
}

const concat: ChannelRule = {
  relate(c) {
    const axis = axisOf(c.op);
    if (axis === undefined) return;
    const inputs = [...c.node.inputs.keys()];
    const followed = new Set(
      inputs.flatMap((i) => c.layoutAt(i)).flatMap((block) => (block.axes === 1 ? block.axis : [])),
    );
    const blocks: ChannelBlock[] = [];
    for (const each of followed) {
      const parts = inputs.map((i) => c.atoms(i, each));
      const atoms = each === axis ? joined(c, axis, parts) : united(c, parts);
      if (atoms !== undefined) blocks.push({ axis: each, axes: 1, atoms });
    }
    c.setOutput(0, blocks);
  },
};

/** One part after the other; those that are not followed stay whole between the others. */
function joined(c: ChannelContext, axis: number, parts: readonly (Int32Array | undefined)[]): Int32Array | undefined {
  const all: number[] = [];
  for (const [i, part] of parts.entries()) {
    const size = c.dims(i)?.[axis];
    if (part === undefined && typeof size !== 'number') {
      for (const other of parts) if (other !== undefined) c.fix(other, c.reasonOf(i));
      return undefined;
    }
    const atoms = part ?? c.fresh(Number(size));
    if (part === undefined) c.fix(atoms, c.reasonOf(i));
    for (const atom of atoms) all.push(atom);
  }
  return Int32Array.from(all);
}

function united(c: ChannelContext, parts: readonly (Int32Array | undefined)[]): Int32Array | undefined {
  const stranger = parts.indexOf(undefined);
  const first = parts.find((part) => part !== undefined);
  for (const part of parts) c.unify(first, part, stranger < 0 ? undefined : c.reasonOf(stranger));
  return stranger < 0 ? first : undefined;
}

const split: ChannelRule = {
  relate(c) {
    const axis = axisOf(c.op);
    if (axis === undefined) return;
    const sizes = c.node.outputs.map((_, o) => c.op.outputDims(o)?.[axis]);
    const layout = c.layout(0).filter((block) => {
      if (block.axis !== axis || sizes.every((size) => typeof size === 'number')) return true;
      c.fix(block.atoms);
      return false;
    });
    let begin = 0;
    for (const [o, size] of sizes.entries()) {
      const end = begin + Number(size);
      const cut = (block: ChannelBlock): ChannelBlock => ({ ...block, atoms: block.atoms.slice(begin, end) });
      c.setOutput(
        o,
        layout.map((block) => (block.axis === axis ? cut(block) : block)),
      );
      begin = end;
    }
  },
  narrow(op, { kept, addConstant, opset }) {
    const { node } = op;
    const [x = ''] = node.inputs;
    const axis = axisOf(op) ?? 0;
    if (kept(x, axis) === undefined) return node;
    const sizes = node.outputs.map((name, o) => kept(name, axis)?.length ?? Number(op.outputDims(o)?.[axis]));
    const attributes = new Map(node.attributes);
    if (opset < 13) return { ...node, attributes: attributes.set('split', ints(sizes)) };
    attributes.delete('num_outputs');
    return { ...node, attributes, inputs: [x, addConstant(`${node.outputs[0]}.sizes`, Tensor.int64s(sizes))] };
  },
};

const slice: ChannelRule = {
  relate(c) {
    const all = cuts(c.op, c.dims(0)?.length ?? 0);
    if (all === undefined) return;
    const blocks: ChannelBlock[] = [];
    for (const block of c.layout(0)) {
      const cut = all.find(({ axis }) => axis === block.axis);
      if (cut === undefined) blocks.push(block);
      else if (cut.step !== 1) c.fix(block.atoms);
      else {
        const { first, count } = cutAlong(cut, block.atoms.length);
        blocks.push({ ...block, atoms: block.atoms.slice(first, first + count) });
      }
    }
    c.setOutput(0, blocks);
  },
  narrow(op, narrowing) {
    const starts = new Map<number, number>();
    const ends = new Map<number, number>();
    const [x = ''] = op.node.inputs;
    for (const [k, cut] of (cuts(op, op.dims(0)?.length ?? 0) ?? []).entries()) {
      const left = narrowing.kept(x, cut.axis);
      if (left === undefined) continue;
      const { first, count } = cutAlong(cut, Number(op.dims(0)?.[cut.axis]));
      const start = left.filter((index) => index < first).length;
      starts.set(k, start);
      ends.set(k, start + left.filter((index) => index >= first && index < first + count).length);
    }
    return withNumbers(op, withNumbers(op, op.node, [1, 'starts'], starts, narrowing), [2, 'ends'], ends, narrowing);
  },
};

/** Where the pads of an axis stand in the list of pads; undefined where it is not padded. */
function padPlaces(op: OpContext, axis: number): { before: number; after: number } | undefined {
  const rank = op.dims(0)?.length ?? 0;
  const axes = op.has(3) ? (op.numbers(3) ?? []).map((each) => op.axisOf(each, rank)) : undefined;
  const at = axes === undefined ? axis : axes.indexOf(axis);
  return at < 0 ? undefined : { before: at, after: at + (axes?.length ?? rank) };
}

/** Channels that padding adds are constants, which go with whatever they are added to. */
const pad: ChannelRule = {
  relate(c) {
    const { op } = c;
    const pads = op.has(1) ? op.numbers(1) : op.ints('pads');
    if (pads === undefined || (op.has(3) && op.numbers(3) === undefined)) return;
    const blocks: ChannelBlock[] = [];
    for (const block of c.layout(0)) {
      const places = padPlaces(op, block.axis);
      const [before, after] = places === undefined ? [0, 0] : [pads[places.before] ?? 0, pads[places.after] ?? 0];
      if (before === 0 && after === 0) blocks.push(block);
      else if (before < 0 || after < 0 || op.string('mode', 'constant') !== 'constant') c.fix(block.atoms);
      else {
        const atoms = Int32Array.from([...c.fresh(before), ...block.atoms, ...c.fresh(after)]);
        blocks.push({ ...block, atoms });
      }
    }
    c.setOutput(0, blocks);
  },
  narrow(op, narrowing) {
    const changes = new Map<number, number>();
    const [y = ''] = op.node.outputs;
    const pads = op.numbers(1) ?? op.ints('pads') ?? [];
    for (const { axis, atoms } of narrowing.layoutOf(y)) {
      const places = padPlaces(op, axis);
      if (places === undefined) continue;
      const [before, after] = [pads[places.before] ?? 0, pads[places.after] ?? 0];
      const left = (part: Int32Array): number => part.filter((atom) => narrowing.keeps(atom)).length;
      if (before > 0) changes.set(places.before, left(atoms.subarray(0, before)));
      if (after > 0) changes.set(places.after, left(atoms.subarray(atoms.length - after)));
    }
    return withNumbers(op, op.node, [1, 'pads'], changes, narrowing);
  },
};

/** Channels looked up by a list of constant indices: any order, any of them several times. */
const gather: ChannelRule = {
  relate(c) {
    const rank = c.dims(0)?.length;
    if (rank === undefined || c.isConstant(0)) return;
    const axis = c.op.axisOf(c.op.int('axis', 0), rank);
    const indices = c.constant(1);
    const indexRank = c.dims(1)?.length;
    const blocks: ChannelBlock[] = [];
    for (const block of c.layout(0)) {
      if (block.axis < axis) blocks.push(block);
      else if (block.axis > axis && indexRank !== undefined)
        blocks.push({ ...block, axis: block.axis + indexRank - 1 });
      else if (block.axis === axis && indices !== undefined && indexRank === 1) {
        const { length } = block.atoms;
        blocks.push({ ...block, atoms: Int32Array.from(indices, (i) => block.atoms[i < 0 ? i + length : i] ?? 0) });
      } else c.fix(block.atoms);
    }
    c.setOutput(0, blocks);
  },
  narrow(op, { kept, layoutOf, addConstant, constant, keeps }) {
    const { node } = op;
    const [x = '', table = ''] = node.inputs;
    const axis = op.axisOf(getInt(node, 'axis', 0), op.dims(0)?.length ?? 0);
    const left = kept(x, axis);
    const atoms = layoutOf(x).find((block) => block.axis === axis)?.atoms;
    if (left === undefined || atoms === undefined) return node;
    const places = new Map([...left].map((index, place) => [index, place]));
    const indices = (constant(table)?.elements() ?? [])
      .map((index) => (Number(index) < 0 ? Number(index) + atoms.length : Number(index)))
      .filter((index) => keeps(atoms[index] ?? 0))
      .map((index) => places.get(index) ?? 0);
    return { ...node, inputs: [x, addConstant(`${node.outputs[0]}.indices`, Tensor.int64s(indices))] };
  },
};

export const joinings = {
  Concat: concat,
  Split: split,
  Slice: slice,
  Pad: pad,
  Gather: gather,
  Compress: 'opaque',
  GatherElements: 'opaque',
  GatherND: 'opaque',
  NonZero: 'opaque',
  OneHot: 'opaque',
  ScatterElements: 'opaque',
  ScatterND: 'opaque',
  Trilu: 'opaque',
} as const;
