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
function withAxes(g: GradientContext, value: string, axes: readonly number[]): string {
  if (g.op.int('keepdims', 1) !== 0 || axes.length === 0) return value;
  return g.t.op('Unsqueeze', [value, g.t.int64s([...axes].sort((a, b) => a - b))]);
}

const reduceSum: GradientRule = (g) => [g.t.expandLike(withAxes(g, g.dy, axesOf(g)), g.x(0))];

const reduceMean: GradientRule = (g) => {
  const { t } = g;
  const x = g.x(0);
  // How many elements went into each mean, even where only the run knows the batch.
  const count = t.cast(t.div(t.op('Size', [x]), t.op('Size', [g.y()])), t.dtype(x));
  return [t.expandLike(t.div(withAxes(g, g.dy, axesOf(g)), count), x)];
};

export const reduction = {
  ReduceSum: reduceSum,
  ReduceMean: reduceMean,
  ReduceMax: 'refused',
  ReduceMin: 'refused',
  ReduceL1: 'refused',
  ReduceL2: 'refused',
  ReduceLogSum: 'refused',
  ReduceLogSumExp: 'refused',
  ReduceProd: 'refused',
  ReduceSumSquare: 'refused',
  CumSum: 'refused',
  TopK: 'refused',
  ArgMax: 'zero',
  ArgMin: 'zero',
} as const;
