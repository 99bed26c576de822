/** Gradients of the poolings. A maximum that several elements share goes back to the first of them, as in PyTorch. */
import { Tensor } from '../../graph/index.ts';
import type { GradientContext, GradientRule } from '../gradient-rule.ts';
import type { Terms } from '../terms.ts';
import { reachOf, resized, spreadOut, type WindowAxis, windowAxes } from './sliding-window.ts';

const globalAverage: GradientRule = (g) => {
  const { t, dy } = g;
  const x = g.x(0);
  const count = t.dims(x).reduce<number>((product, _, axis) => (axis < 2 ? product : product * t.size(x, axis)), 1);
  return [t.expandLike(t.scale(dy, 1 / count), x)];
};

const globalMax: GradientRule = ({ t, dy, x }) => {
  const maps = t.reshape(x(0), [0, 0, -1]);
  const first = t.op('ArgMax', [maps], { axis: 2, keepdims: 1 });
  const placed = t.op('ScatterElements', [t.zerosLike(maps), first, t.reshape(dy, [0, 0, -1])], { axis: 2 });
  return [t.reshapeLike(placed, x(0))];
};

/** dy · x·|x|ᵖ⁻² · y¹⁻ᵖ: where y is 0, so is all that it was made of. */
function byLpNorm(t: Terms, x: string, y: string, dy: string, p: number, back: (value: string) => string): string {
  if (p === 1) return t.mul(back(dy), t.op('Sign', [x]));
  const power = (base: string, exponent: number): string =>
    exponent === 1 ? base : t.op('Pow', [base, t.scalar(exponent, base)]);
  const shares = t.op('Where', [t.op('Equal', [y, t.scalar(0, y)]), t.scalar(0, y), t.div(dy, power(y, p - 1))]);
  const slope = p === 2 ? x : t.mul(x, power(t.op('Abs', [x]), p - 2));
  return t.mul(back(shares), slope);
}

const globalLp: GradientRule = ({ t, dy, op, x, y }) => [byLpNorm(t, x(0), y(), dy, op.int('p', 2), (value) => value)];

const lp: GradientRule = (g) => {
  const axes = axesOf(g);
  const back = (value: string): string => sumOfWindows(g, value, axes);
  return [byLpNorm(g.t, g.x(0), g.y(), g.dy, g.op.int('p', 2), back)];
};

const average: GradientRule = (g) => {
  const { t, op } = g;
  const axes = axesOf(g);
  const kernel = axes.reduce((product, axis) => product * axis.kernel, 1);
  const whole = axes.every(({ before, after }) => before <= 0 && after <= 0);
  const even = whole || (op.int('count_include_pad', 0) !== 0 && op.int('ceil_mode', 0) === 0);
  const shares = even ? t.scale(g.dy, 1 / kernel) : t.mul(g.dy, weights(g, axes));
  return [sumOfWindows(g, shares, axes)];
};

/**
 * What each element of a window counts for in its average, [1, 1, …]: the average of ones over how many of them the window
 * sees. So the engine says itself what it divides by at the border. All of it is constant, and folded when it loads.
 */
function weights({ t, node, x }: GradientContext, axes: readonly WindowAxis[]): string {
  const dtype = t.dtype(x(0));
  const sizes = axes.map(({ size }) => size);
  const ones = t.op('Expand', [t.scalar(1, x(0)), t.int64s([1, 1, ...sizes])]);
  const averages = t.op('AveragePool', [ones], Object.fromEntries(node.attributes));
  return axes.reduce((rest, axis, i) => {
    const seen = Array.from({ length: axis.steps }, (_, q) => inside(axis, q));
    const shape = [1, 1, ...axes.map((_each, j) => (j === i ? axis.steps : 1))];
    return t.div(rest, t.writer.constant(Tensor.of(dtype, shape, seen)));
  }, averages);
}

/** How many elements, not counting padding, the window at position `q` sees; 1 for none, so as to divide by it. */
function inside({ kernel, dilation, stride, before, size }: WindowAxis, q: number): number {
  const places = Array.from({ length: kernel }, (_, i) => q * stride + i * dilation - before);
  return Math.max(places.filter((place) => place >= 0 && place < size).length, 1);
}

/** For each element of x, the sum of a value [N, C, …] over the windows that see it. */
function sumOfWindows(g: GradientContext, value: string, axes: readonly WindowAxis[]): string {
  const { t } = g;
  const tiles = axes.every(
    ({ kernel, stride, dilation, before, after }) => kernel === stride && dilation === 1 && before === 0 && after <= 0,
  );
  const channels = t.size(value, 1);
  if (tiles) {
    const apart = t.reshape(value, [0, channels, ...axes.flatMap(({ steps }) => [steps, 1])]);
    const sizes = t.int64s([1, 1, ...axes.flatMap(({ kernel }) => [1, kernel])]);
    const joined = t.reshape(t.op('Expand', [apart, sizes]), [
      0,
      channels,
      ...axes.map(({ steps, kernel }) => steps * kernel),
    ]);
    const behind = axes.map(({ after }) => [0, -after] as const);
    return resized(t, joined, 2, behind);
  }
  const around = axes.map((axis): [number, number] => {
    const begin = reachOf(axis) - 1 - axis.before;
    return [begin, axis.size + reachOf(axis) - 1 - ((axis.steps - 1) * axis.stride + 1) - begin];
  });
  const padded = resized(t, spreadOut(t, value, 2, axes), 2, around);
  const area = axes.reduce((product, { kernel }) => product * kernel, 1);
  if (area === 1) return padded;
  // The factor stands between, since ONNX Runtime would fuse padding into the pool and refuse if it is wide.
  return t.op('AveragePool', [t.scale(padded, area)], {
    kernel_shape: axes.map(({ kernel }) => kernel),
    dilations: axes.some(({ dilation }) => dilation > 1) ? axes.map(({ dilation }) => dilation) : undefined,
  });
}

/**
 * Each output's gradient is added at the place that its maximum came from. Those places may coincide where windows
 * overlap; before operator set 16 nothing adds at an index, so there the windows are taken in turns that do not overlap.
 */
const max: GradientRule = (g) => {
  const { t, node, op } = g;
  const x = g.x(0);
  const axes = axesOf(g);
  if (g.optionalDy(1) !== undefined) t.refuse('the loss depends on its indices');
  const rowMajor = op.int('storage_order', 0) === 0;
  const indices = rowMajor
    ? t.writer.output(node, 1)
    : (t.writer.ops('MaxPool', [x], { ...Object.fromEntries(node.attributes), storage_order: 0 }, 2)[1] as string);
  const zeros = t.reshape(t.zerosLike(x), [-1]);
  const place = (from: string, values: string, reduction: string | undefined): string =>
    t.op('ScatterElements', [zeros, t.reshape(from, [-1]), t.reshape(values, [-1])], { axis: 0, reduction });
  const turns = axes.map((axis) => Math.min(Math.ceil(reachOf(axis) / axis.stride), axis.steps));
  if (turns.every((count) => count === 1)) return [t.reshapeLike(place(indices, g.dy, undefined), x)];
  if (t.writer.opset >= 16) return [t.reshapeLike(place(indices, g.dy, 'add'), x)];
  const offsets = turns.reduce<number[][]>(
    (all, count) => all.flatMap((start) => Array.from({ length: count }, (_, i) => [...start, i])),
    [[]],
  );
  const parts = offsets.map((start) => {
    const every = start.map((from, i) => ({
      axis: i + 2,
      start: from,
      end: axes[i]?.steps ?? 0,
      step: turns[i] ?? 1,
    }));
    return place(t.slice(indices, every), t.slice(g.dy, every), undefined);
  });
  return [t.reshapeLike(t.sum(parts), x)];
};

/** The other way round: what was taken from an index gives its gradient back there. */
const maxUnpool: GradientRule = ({ t, dy, x }) => {
  const flat = (value: string): string => t.reshape(value, [-1]);
  return [t.reshapeLike(t.op('GatherElements', [flat(dy), flat(x(1))], { axis: 0 }), x(0))];
};

function axesOf(g: GradientContext): WindowAxis[] {
  const kernel = g.op.ints('kernel_shape') ?? g.t.refuse('it needs the attribute kernel_shape');
  return windowAxes(g, g.x(0), kernel);
}

export const pooling = {
  GlobalAveragePool: globalAverage,
  GlobalMaxPool: globalMax,
  AveragePool: average,
  MaxPool: max,
  GlobalLpPool: globalLp,
  LpPool: lp,
  MaxUnpool: maxUnpool,
} as const;
