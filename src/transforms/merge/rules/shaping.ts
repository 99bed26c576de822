/** What changes the shape of values, moves channels, or goes over the places of a map. */
import { getInt, getInts, getString, Tensor } from '../../../graph/index.ts';
import type { GroupRule, GroupStep } from '../group-step.ts';
import { blocks, repeated } from '../layout.ts';
import type { MergedValue } from '../merge-writer.ts';
import { grouped } from './convolution.ts';
import { once } from './elementwise.ts';

/** [N, C, H, W] → [N, C·H·W], and rows back to maps of one place. */
export const reshape: GroupRule = (step) => {
  const { name, layout } = step.value(0);
  const channels = step.channels(0);
  const made = step.outputDims();
  if (layout === undefined) return step.unlike('it shapes what all have alike in another way in each');
  const places = step.dims(0).map((dims) => {
    const sizes = dims.slice(2);
    return sizes.every((size) => typeof size === 'number')
      ? sizes.reduce((product, size) => product * size, 1)
      : step.unlike('the size of its maps is not known');
  });
  const [count = 1] = places;
  const become = (of: (part: number) => readonly unknown[]): boolean =>
    made.every((dims, part) => dims.slice(1).join() === of(part).join());
  if (places.some((each) => each !== count)) return step.unlike('maps are of other sizes');
  if (become((part) => [(channels[part] as number) * count])) {
    return { name: step.writer.op('Flatten', [name], { axis: 1 }, step.base), layout: repeated(layout, count) };
  }
  if (count === 1 && become((part) => [channels[part], 1, 1])) {
    const shape = step.writer.constant(`${step.base}.shape`, Tensor.int64s([0, layout.total, 1, 1]));
    return { name: step.writer.op('Reshape', [name, shape], {}, step.base), layout };
  }
  return step.unlike('it mixes channels with other axes');
};

/** Over places only. */
export const reduce: GroupRule = (step) => {
  const given = getInts(step.node, 'axes') ?? numbersOf(step, 1);
  requirePlaces(step, given);
  return once(step);
};

export const slice: GroupRule = (step) => {
  requirePlaces(step, getInts(step.node, 'axes') ?? numbersOf(step, 3));
  return once(step);
};

/** @throws where axes are not told or one is the batch or the channels */
function requirePlaces(step: GroupStep, axes: readonly number[] | undefined): void {
  const rank = step.dims(0)[0]?.length ?? 0;
  if (axes === undefined || axes.some((axis) => (axis < 0 ? axis + rank : axis) < 2)) {
    step.unlike('it goes over channels or images');
  }
}

function numbersOf(step: GroupStep, i: number): number[] | undefined {
  return step.constants(i)?.[0]?.elements()?.map(Number);
}

/**
 * Channels of zeros before and behind those that there are, as in shortcuts without parameters: a convolution that takes
 * each channel to its place, exact since it multiplies with 1 and adds zeros.
 */
export const pad: GroupRule = (step): MergedValue => {
  step.requireSameAttributes('pads');
  const value = step.value(0);
  const { layout } = value;
  const pads = step.nodes.map(
    (node, part) => getInts(node, 'pads') ?? step.constants(1)?.[part]?.elements()?.map(Number) ?? [],
  );
  const [first = []] = pads;
  const rank = first.length / 2;
  const ofChannels = pads.map((each) => [each[1] ?? 0, each[1 + rank] ?? 0] as const);
  const isZero = ofChannels.every(([before, behind]) => before === 0 && behind === 0);
  if (isZero && pads.every((each) => each.join() === first.join())) return once(step);
  if (layout === undefined || rank < 3 || (step.node.inputs[3] ?? '') !== '') return step.unlike('it pads channels');
  if (!pads.every((each) => each.every((pad, i) => pad === 0 || i % rank === 1))) {
    return step.unlike('it pads channels and places');
  }
  requireZeros(step);
  const channels = step.channels(0);
  const kernels = channels.map((count, part) => {
    const [before, behind] = ofChannels[part] as readonly [number, number];
    const out = count + before + behind;
    const data = new Float32Array(out * count);
    for (let c = 0; c < count; c++) {
      if (c + before >= 0 && c + before < out) data[(c + before) * count + c] = 1;
    }
    return Tensor.float32([out, count, ...new Array<number>(rank - 2).fill(1)], data);
  });
  return grouped(step, value, kernels, undefined);
};

function requireZeros(step: GroupStep): void {
  const value = step.nodes.map((_, part) => step.constants(2)?.[part]?.elements()?.[0] ?? 0);
  const isConstant = getString(step.node, 'mode', 'constant') === 'constant';
  if (
    !isConstant ||
    value.some((each) => each !== 0) ||
    (step.node.attributes.has('value') && step.constants(1) === undefined)
  ) {
    step.unlike('it pads with something else than zeros');
  }
}

/** Channels of several values, behind each other in each part. */
export const concat: GroupRule = (step): MergedValue => {
  step.requireSameAttributes();
  const rank = step.dims(0)[0]?.length ?? 0;
  const axis = getInt(step.node, 'axis', 1);
  if ((axis < 0 ? axis + rank : axis) !== 1) return step.unlike('it joins other axes than channels');
  const parts = step.nodes.length;
  const positions: number[][] = Array.from({ length: parts }, () => []);
  let total = 0;
  const inputs = step.node.inputs.map((_, i) => {
    // What all have alike is copied for each, since what follows may change it in another way in each.
    const layout = step.value(i).layout ?? blocks(step.channels(i));
    for (const [part, own] of layout.positions.entries()) for (const at of own) positions[part]?.push(total + at);
    total += layout.total;
    return step.relaid(step.value(i), layout);
  });
  return { name: step.once(inputs), layout: { total, positions: positions.map((own) => Int32Array.from(own)) } };
};
