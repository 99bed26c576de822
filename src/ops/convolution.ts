/** Convolutions. MACs: output elements × input channels a group × kernel size (of ConvTranspose: input elements). */
import type { Dim } from '../graph/index.ts';
import { formatShape } from '../tensor/index.ts';
import { type Dims, isKnown } from './dims.ts';
import type { OpContext } from './op-context.ts';
import { rule, typed } from './op-rule.ts';
import { type Window, windowDim, windowSteps } from './window.ts';

/** The window of a node over the axes of `kernel`. @throws SkeinError 'invalid-argument' naming an attribute that is off */
export function windowOf(op: OpContext, kernel: readonly number[]): Window {
  const axes = kernel.length;
  return {
    kernel,
    strides: wholeNumbers(op, 'strides', axes, 1),
    dilations: wholeNumbers(op, 'dilations', axes, 1),
    pads: wholeNumbers(op, 'pads', 2 * axes, 0),
    autoPad: op.string('auto_pad', 'NOTSET'),
    ceilMode: op.int('ceil_mode', 0) !== 0,
  };
}

/** `count` of them from `least`, all of them `least` where the node says nothing. */
function wholeNumbers(op: OpContext, name: string, count: number, least: number): readonly number[] {
  const values = op.ints(name);
  if (values === undefined) return new Array<number>(count).fill(least);
  if (values.length === count && values.every((value) => value >= least)) return values;
  return op.refuseAttribute(name, `${count} numbers from ${least}`, `[${values}]`);
}

function groupOf(op: OpContext): number {
  const group = op.int('group', 1);
  return group >= 1 ? group : op.refuseAttribute('group', 'a number from 1', group);
}

/** The spatial output dimensions; fails where the window does not fit. */
export function slide(op: OpContext, window: Window, spatial: Dims): Dim[] {
  if (window.kernel.length !== spatial.length) {
    op.fail(`a kernel of ${formatShape(window.kernel)} needs as many spatial axes, received ${formatShape(spatial)}`);
  }
  return spatial.map((size, axis) => {
    if (typeof size === 'number' && windowSteps(window, axis, size) < 1) {
      op.fail(`a window of ${window.kernel.join('×')} must fit into ${formatShape(spatial)}`);
    }
    return windowDim(window, axis, size);
  });
}

/** The kernel: that of the weight [out, in / group, …kernel], or the attribute where the weight is not known. */
function kernelOf(op: OpContext, weight: Dims | undefined): readonly number[] | undefined {
  const spatial = weight?.slice(2);
  return spatial !== undefined && isKnown(spatial) ? spatial : op.ints('kernel_shape');
}

function convDims(op: OpContext, x: Dims | undefined, weight: Dims | undefined): Dims | undefined {
  if (x === undefined) return undefined;
  if (weight !== undefined && weight.length !== x.length) {
    op.fail(`input ${formatShape(x)} and weight ${formatShape(weight)} must have the same rank`);
  }
  const group = groupOf(op);
  const [outChannels, channelsAGroup] = weight ?? [];
  if (typeof channelsAGroup === 'number') op.same(x[1], channelsAGroup * group, 'input channels');
  if (typeof outChannels === 'number' && outChannels % group !== 0) {
    op.fail(`${outChannels} output channels must divide into ${group} groups`);
  }
  const kernel = kernelOf(op, weight);
  const spatial = x.slice(2);
  return [
    x[0],
    outChannels,
    ...(kernel === undefined ? spatial.map(() => undefined) : slide(op, windowOf(op, kernel), spatial)),
  ];
}

function convMacs(op: OpContext, weight: Dims | undefined): number | undefined {
  const y = op.outputDims(0);
  if (y === undefined || weight === undefined || !isKnown(y) || !isKnown(weight)) return undefined;
  // The weight is [out, in / group, …kernel]: without `out` it is the work for one output element.
  return product(y) * product(weight.slice(1));
}

function product(dims: readonly number[]): number {
  return dims.reduce((all, dim) => all * dim, 1);
}

function transposedDims(op: OpContext): Dims | undefined {
  const x = op.dims(0);
  if (x === undefined) return undefined;
  op.requireRank(0, 3);
  const weight = op.dims(1);
  if (weight !== undefined) {
    if (weight.length !== x.length) {
      op.fail(`input ${formatShape(x)} and weight ${formatShape(weight)} must have the same rank`);
    }
    op.same(x[1], weight[0], 'input channels');
  }
  const channels = typeof weight?.[1] === 'number' ? weight[1] * groupOf(op) : undefined;
  const explicit = op.ints('output_shape');
  const spatial = x.slice(2);
  if (explicit !== undefined) return [x[0], channels, ...explicit.slice(-spatial.length)];
  const kernel = kernelOf(op, weight);
  if (kernel === undefined) return [x[0], channels, ...spatial.map(() => undefined)];
  const { strides, dilations, pads, autoPad } = windowOf(op, kernel);
  const extra = op.ints('output_padding') ?? [];
  const sizes = spatial.map((size, axis) => {
    if (typeof size !== 'number') return undefined;
    const stride = strides[axis] ?? 1;
    const reach = ((kernel[axis] ?? 1) - 1) * (dilations[axis] ?? 1) + 1;
    const padding = autoPad === 'VALID' ? 0 : (pads[axis] ?? 0) + (pads[axis + kernel.length] ?? 0);
    const unpadded = (size - 1) * stride + reach + (extra[axis] ?? 0);
    // SAME cuts down to size · stride, and never adds.
    return autoPad.startsWith('SAME') ? Math.min(unpadded, size * stride) : unpadded - padding;
  });
  return [x[0], channels, ...sizes];
}

export const convolution = {
  Conv: rule(
    (op) => {
      op.requireRank(0, 3);
      return [typed(op.dtype(0), convDims(op, op.dims(0), op.dims(1)))];
    },
    { macs: (op) => convMacs(op, op.dims(1)) },
  ),
  ConvTranspose: rule((op) => [typed(op.dtype(0), transposedDims(op))], {
    macs: (op) => {
      const [x, weight] = [op.dims(0), op.dims(1)];
      if (x === undefined || weight === undefined || !isKnown(x) || !isKnown(weight)) return undefined;
      return product(x) * product(weight.slice(1));
    },
  }),
  ConvInteger: rule((op) => [typed('int32', convDims(op, op.dims(0), op.dims(1)))], {
    macs: (op) => convMacs(op, op.dims(1)),
    settings: [2, 3],
  }),
  QLinearConv: rule((op) => [typed(op.dtype(7), convDims(op, op.dims(0), op.dims(3)))], {
    macs: (op) => convMacs(op, op.dims(3)),
    settings: [1, 2, 4, 5, 6, 7],
  }),
};
