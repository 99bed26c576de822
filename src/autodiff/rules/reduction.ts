/** Gradients of the reductions. */
import type { GradientContext, GradientRule } from '../gradient-rule.ts';

/** The axes that a reduction goes over: an attribute or, in later operator sets, an input. */
function axesOf({ op, t, x }: GradientContext): number[] {
  const rank = t.rank(x(0));
  const all = Array.from({ length: rank }, (_, axis) => axis);
  if (op.has(1) && op.numbers(1) === undefined) t.unknown(x(1), 'the value');
  const given = op.has(1) ? op.numbers(1) : op.ints('axes');
  if (given === undefined || given.length === 0) return op.int('noop_with_empty_axes', 0) !== 0 ? [] : all;
  return given.map((axis) => op.axisOf(axis, rank));
}

/** What lost its axes in a reduction with them as 1 again, so that it broadcasts against the input. */
function withAxes(g: GradientContext, value: string): string {
  if (g.op.int('keepdims', 1) !== 0) return value;
  return g.t.unsqueeze(
    value,
    [...axesOf(g)].sort((a, b) => a - b),
  );
}

/** dx = dy · slope, dy and the other things of the output's shape broadcast against x. */
const times =
  (slope: (g: GradientContext) => string): GradientRule =>
  (g) => [g.t.mul(slope(g), withAxes(g, g.dy))];

const sum: GradientRule = (g) => [g.t.expandLike(withAxes(g, g.dy), g.x(0))];

const mean: GradientRule = (g) => {
  const { t } = g;
  const x = g.x(0);
  // How many elements went into each mean, even where only the run knows the batch.
  const count = t.cast(t.div(t.op('Size', [x]), t.op('Size', [g.y()])), t.dtype(x));
  return [t.expandLike(t.div(withAxes(g, g.dy), count), x)];
};

/** All that hold the extreme share dy evenly, as with torch.amax. */
const extreme: GradientRule = (g) => {
  const { t, dy } = g;
  const holder = t.op('Equal', [g.x(0), withAxes(g, g.y())]);
  const count = t.reduceSum(t.mask(holder, dy), axesOf(g));
  return [g.masked(holder, t.expandLike(t.div(withAxes(g, dy), count), g.x(0)))];
};

/** ‖x‖ = √Σx²: x/‖x‖, and 0 where all is 0, as in PyTorch. */
const l2: GradientRule = (g) => {
  const { t, dy, y } = g;
  const zero = t.scalar(0, y());
  const share = t.op('Where', [t.op('Equal', [y(), zero]), zero, t.div(dy, y())]);
  return [t.mul(g.x(0), withAxes(g, share))];
};

/** log Σx: 1/Σx */
const logSum: GradientRule = (g) => {
  const { t, dy, y } = g;
  return [t.expandLike(withAxes(g, t.div(dy, t.op('Exp', [y()]))), g.x(0))];
};

/** The product of all others, without dividing by 0: it is not 0 for who is the only 0, or where there is none. */
const product: GradientRule = (g) => {
  const { t } = g;
  const x = g.x(0);
  const axes = axesOf(g);
  const isZero = t.op('Equal', [x, t.scalar(0, x)]);
  const filled = t.op('Where', [isZero, t.scalar(1, x), x]);
  const zeros = t.mask(isZero, x);
  const all = t.op('ReduceProd', t.writer.opset < 18 ? [filled] : [filled, t.int64s(axes)], {
    axes: t.writer.opset < 18 ? axes : undefined,
  });
  const alone = t.op('Equal', [t.reduceSum(zeros, axes), zeros]);
  return [t.where(alone, t.div(t.mul(withAxes(g, g.dy), all), filled))];
};

/** A sum from the other end. */
const cumSum: GradientRule = ({ t, dy, op, x }) => [
  t.op('CumSum', [dy, x(1)], { exclusive: op.int('exclusive', 0), reverse: op.int('reverse', 0) === 0 }),
];

/** What was found goes back to where it was found, each place once. */
const topK: GradientRule = ({ t, dy, op, x, y }) => [
  t.op('ScatterElements', [t.zerosLike(x(0)), y(1), dy], { axis: op.int('axis', -1) }),
];

export const reduction = {
  ReduceSum: sum,
  ReduceMean: mean,
  ReduceMax: extreme,
  ReduceMin: extreme,
  ReduceL1: times(({ t, x }) => t.op('Sign', [x(0)])),
  ReduceL2: l2,
  ReduceLogSum: logSum,
  ReduceLogSumExp: times((g) => g.t.op('Exp', [g.t.sub(g.x(0), withAxes(g, g.y()))])),
  ReduceProd: product,
  ReduceSumSquare: times(({ t, x }) => t.scale(x(0), 2)),
  CumSum: cumSum,
  TopK: topK,
  ArgMax: 'zero',
  ArgMin: 'zero',
} as const;
