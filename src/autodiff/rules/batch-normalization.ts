/**
 * Batch normalisation (Ioffe and Szegedy 2015), with the statistics of the batch and with given ones. On CPU all of it is
 * bound by memory, so it is written to pass over the maps as seldom as it can without giving up digits: the variance is
 * that of centred values, not E[x²] − E[x]², and the centred values serve the gradient again.
 */
import { Tensor } from '../../graph/index.ts';
import type { GradientContext, GradientRule } from '../gradient-rule.ts';
import type { Terms } from '../terms.ts';

export interface BatchStatistics {
  /** [C] */
  readonly mean: string;
  /** [C], of the population: divided by the count. */
  readonly variance: string;
  /** Elements of each channel, a scalar of the type of `x`. */
  readonly count: string;
}

/** Mean and variance of each channel of x [N, C, …] over everything else. */
export function batchStatistics(t: Terms, x: string): BatchStatistics {
  const axes = othersThanChannel(t, x);
  const mean = t.reduceMean(x, axes, false);
  const centred = t.sub(x, t.perChannel(mean, t.rank(x)));
  const count = elementsPerChannel(t, x);
  // Not ReduceSumSquare: ONNX Runtime adds its squares one by one, which costs digits and three times the time.
  const squares = t.reduceSum(t.mul(centred, centred), axes, false);
  return { mean, variance: t.div(squares, count), count };
}

/**
 * Batch normalisation whose mean and variance (inputs 3 and 4) are those of x itself (section 3 of the paper):
 * dx = γ/σ · (dy − mean(dy) − x̂ · mean(dy · x̂)), which takes in the way through the statistics; by channel that is
 * a·dy + b·(x − mean) + c.
 */
export const batchNormByBatch: GradientRule = (g) => {
  const { t, dy } = g;
  const x = g.x(0);
  const axes = othersThanChannel(t, x);
  const centred = t.sub(x, t.perChannel(g.x(3), t.rank(x)));
  const inverse = inverseDeviation(g);
  const sum = t.reduceSum(dy, axes, false);
  const byScale = t.mul(inverse, t.reduceSum(t.mul(dy, centred), axes, false));
  return g.each(
    () => {
      const a = t.mul(g.x(1), inverse);
      const share = t.neg(t.div(a, elementsPerChannel(t, x)));
      const [b, c] = [t.mul(t.mul(share, inverse), byScale), t.mul(share, sum)];
      return t.add(affine(t, dy, a, c), t.mul(centred, t.perChannel(b, t.rank(x))));
    },
    () => byScale,
    () => sum,
  );
};

/** With statistics that are given: y = γ·(x − mean)/σ + β, σ = √(variance + ε). */
export const batchNorm: GradientRule = (g) => {
  const { t, dy } = g;
  const x = g.x(0);
  if (g.op.int('training_mode', 0) !== 0) t.refuse('it is in training mode; export the model in inference mode');
  const axes = othersThanChannel(t, x);
  const inverse = inverseDeviation(g);
  const centred = () => t.sub(x, t.perChannel(g.x(3), t.rank(x)));
  const byScale = () => t.mul(inverse, t.reduceSum(t.mul(dy, centred()), axes, false));
  return g.each(
    () => t.mul(dy, t.perChannel(t.mul(g.x(1), inverse), t.rank(x))),
    byScale,
    () => t.reduceSum(dy, axes, false),
    () => t.neg(t.mul(t.mul(g.x(1), inverse), t.reduceSum(dy, axes, false))),
    () => t.scale(t.mul(t.mul(t.mul(g.x(1), inverse), inverse), byScale()), -0.5),
  );
};

/** scale·x + shift by channel, in one pass: inference-mode batch normalisation with mean 0 and variance 1. */
function affine(t: Terms, x: string, scale: string, shift: string): string {
  const [channels, dtype] = [t.size(x, 1), t.dtype(x)];
  const all = (value: number): string =>
    t.writer.constant(
      Tensor.of(
        dtype,
        [channels],
        Array.from({ length: channels }, () => value),
      ),
    );
  return t.op('BatchNormalization', [x, scale, shift, all(0), all(1)], { epsilon: 0 });
}

/** 1/√(variance + ε), [C] */
function inverseDeviation({ t, op, x }: GradientContext): string {
  const variance = x(4);
  const deviation = t.op('Sqrt', [t.add(variance, t.scalar(op.float('epsilon', 1e-5), variance))]);
  return t.op('Reciprocal', [deviation]);
}

/** A scalar of the type of `x`. */
function elementsPerChannel(t: Terms, x: string): string {
  return t.div(t.cast(t.op('Size', [x]), t.dtype(x)), t.scalar(t.size(x, 1), x));
}

/** All axes but the second. */
function othersThanChannel(t: Terms, x: string): number[] {
  return Array.from({ length: t.rank(x) }, (_, axis) => axis).filter((axis) => axis !== 1);
}
