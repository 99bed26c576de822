/** Resize and GridSample leave channels alone; quantisation may have a scale for each. */

import type { ChannelContext } from '../channel-context.ts';
import type { ChannelBlock } from '../channel-layout.ts';
import { type ChannelRule, overMaps } from '../channel-rule.ts';
import { withNumbers } from '../narrowing.ts';

/** Which element of `scales` or `sizes` is for an axis; undefined where none is. */
function placeOf(c: Pick<ChannelContext, 'op'>, axis: number): number | undefined {
  const axes = c.op.ints('axes');
  const place =
    axes === undefined ? axis : axes.map((each) => c.op.axisOf(each, c.op.dims(0)?.length ?? 0)).indexOf(axis);
  return place < 0 ? undefined : place;
}

const resize: ChannelRule = {
  relate(c) {
    // Before operator set 11 the scales are input 1, and there are no sizes.
    const blocks: ChannelBlock[] = [];
    for (const block of c.layout(0)) {
      const same = c.op.outputDims(0)?.[block.axis] === block.atoms.length;
      const readable = !c.op.has(3) || c.op.value(3) !== undefined || placeOf(c, block.axis) === undefined;
      if (same && readable && c.op.string('coordinate_transformation_mode', '') !== 'tf_crop_and_resize')
        blocks.push(block);
      else c.fix(block.atoms);
    }
    c.setOutput(0, blocks);
  },
  narrow(op, narrowing) {
    if (!op.has(3)) return op.node;
    const changes = new Map<number, number>();
    for (const block of narrowing.layoutOf(op.node.outputs[0] ?? '')) {
      const left = narrowing.kept(op.node.outputs[0] ?? '', block.axis);
      const place = placeOf({ op }, block.axis);
      if (left !== undefined && place !== undefined) changes.set(place, left.length);
    }
    return withNumbers(op, op.node, [3, 'sizes'], changes, narrowing);
  },
};

/** Scale and zero point are one number, or one for each index of an axis. */
const quantized: ChannelRule = {
  relate(c) {
    const rank = c.dims(0)?.length;
    if (rank === undefined || c.op.int('block_size', 0) !== 0) return;
    const layout = c.layout(0);
    const axis = c.op.axisOf(c.op.int('axis', 1), Math.max(rank, 2));
    const atoms = layout.find((block) => block.axis === axis)?.atoms;
    for (const i of [1, 2]) {
      const [size] = c.dims(i) ?? [];
      if (c.op.has(i) && size !== undefined && size !== 1) c.unify(atoms, c.atoms(i, 0));
    }
    c.setOutput(0, layout);
  },
};

export const resizings = {
  Resize: resize,
  GridSample: overMaps,
  DequantizeLinear: quantized,
  QuantizeLinear: quantized,
  DynamicQuantizeLinear: 'opaque',
} as const;
