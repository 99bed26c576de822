/** Gradients of the normalisations. */
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
  const centred = t.sub(x, perChannel(t, mean, x));
  const variance = t.reduceMean(t.mul(centred, centred), axes, false);
  const count = t.div(t.cast(t.op('Size', [x]), t.dtype(x)), t.scalar(t.size(x, 1), x));
  return { mean, variance, count };
}

/**
 * Batch normalisation whose mean and variance (inputs 3 and 4) are those of x itself (Ioffe and Szegedy 2015, section 3):
 * dx = γ/σ · (dy − mean(dy) − x̂ · mean(dy · x̂)), which takes in the way through the statistics.
 */
export const batchNormByBatch: GradientRule = (g) => {
  const { t, dy } = g;
  const x = g.x(0);
  const axes = othersThanChannel(t, x);
  const centred = t.sub(x, perChannel(t, g.x(3), x));
  const inverse = inverseDeviation(g);
  const product = t.mul(dy, centred);
  return g.each(
    () => {
      const factor = t.mul(g.x(1), inverse);
      const slope = t.mul(t.mul(inverse, inverse), t.reduceMean(product, axes, false));
      const mean = t.reduceMean(dy, axes, false);
      const without = t.sub(t.sub(dy, perChannel(t, mean, x)), t.mul(centred, perChannel(t, slope, x)));
      return t.mul(without, perChannel(t, factor, x));
    },
    () => t.mul(inverse, t.reduceSum(product, axes, false)),
    () => t.reduceSum(dy, axes, false),
  );
};

/** With statistics that are given: y = γ·(x − mean)/σ + β, σ = √(variance + ε). */
const batchNorm: GradientRule = (g) => {
  const { t, dy } = g;
  const x = g.x(0);
  if (g.op.int('training_mode', 0) !== 0) t.refuse('it is in training mode; export the model in inference mode');
  const axes = othersThanChannel(t, x);
  const inverse = inverseDeviation(g);
  const centred = () => t.sub(x, perChannel(t, g.x(3), x));
  const byScale = () => t.mul(inverse, t.reduceSum(t.mul(dy, centred()), axes, false));
  return g.each(
    () => t.mul(dy, perChannel(t, t.mul(g.x(1), inverse), x)),
    byScale,
    () => t.reduceSum(dy, axes, false),
    () => t.neg(t.mul(t.mul(g.x(1), inverse), t.reduceSum(dy, axes, false))),
    () => t.scale(t.mul(t.mul(t.mul(g.x(1), inverse), inverse), byScale()), -0.5),
  );
};

/** 1/√(variance + ε), [C] */
function inverseDeviation({ t, op, x }: GradientContext): string {
  const variance = x(4);
  const deviation = t.op('Sqrt', [t.add(variance, t.scalar(op.float('epsilon', 1e-5), variance))]);
  return t.op('Reciprocal', [deviation]);
}

/** All axes but the second. */
function othersThanChannel(t: Terms, x: string): number[] {
  return Array.from({ length: t.rank(x) }, (_, axis) => axis).filter((axis) => axis !== 1);
}

/** [C] as [C, 1, …], so that it broadcasts along the channels of x [N, C, …]. */
function perChannel(t: Terms, values: string, x: string): string {
  return t.reshape(values, [-1, ...Array.from({ length: t.rank(x) - 2 }, () => 1)]);
}

export const normalization = {
  BatchNormalization: batchNorm,
  InstanceNormalization: 'refused',
  LayerNormalization: 'refused',
  GroupNormalization: 'refused',
  LRN: 'refused',
  LpNormalization: 'refused',
  MeanVarianceNormalization: 'refused',
  RMSNormalization: 'refused',
} as const;
