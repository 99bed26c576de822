/**
 * Gradients of the normalisations: with n = (x − mean)/σ over some axes and the gradient dn,
 * dx = (dn − mean(dn) − n · mean(dn · n)) / σ (Ba et al. 2016, "Layer Normalization").
 */
import type { GradientContext, GradientRule } from '../gradient-rule.ts';
import type { Terms } from '../terms.ts';
import { batchNorm } from './batch-normalization.ts';

interface Normalised {
  /** n */
  readonly value: string;
  /** 1/σ, with ones for the axes. */
  readonly inverse: string;
  readonly axes: readonly number[];
  /** Whether the mean was taken off. */
  readonly centred: boolean;
}

/** x normalised over `axes`, to mean 0 unless told. */
function normalised(t: Terms, x: string, axes: readonly number[], epsilon: number, centre = true): Normalised {
  const centred = centre ? t.sub(x, t.reduceMean(x, axes)) : x;
  const variance = t.reduceMean(t.mul(centred, centred), axes);
  const inverse = t.op('Reciprocal', [t.op('Sqrt', [t.add(variance, t.scalar(epsilon, x))])]);
  return { value: t.mul(centred, inverse), inverse, axes, centred: centre };
}

/** x normalised by the statistics that the node itself can give, so that x is gone through for them once only. */
function normalisedByNode({ t, node, x }: GradientContext, axes: readonly number[]): Normalised {
  const [mean, inverse] = [t.writer.output(node, 1), t.writer.output(node, 2)];
  return { value: t.mul(t.sub(x(0), mean), inverse), inverse, axes, centred: true };
}

/** The gradient by x from that by the normalised values. */
function throughNormalised(t: Terms, { value, inverse, axes, centred }: Normalised, dn: string): string {
  const along = t.mul(value, t.reduceMean(t.mul(dn, value), axes));
  const rest = centred ? t.sub(dn, t.reduceMean(dn, axes)) : dn;
  return t.mul(t.sub(rest, along), inverse);
}

/** The axes from the attribute `axis` on. */
function trailingAxes({ op, t, x }: GradientContext): number[] {
  const rank = t.rank(x(0));
  const first = op.axisOf(op.int('axis', -1), rank);
  return Array.from({ length: rank - first }, (_, i) => first + i);
}

/** y = n · scale + B over the axes from `axis` on; also of RMSNormalization, which leaves the mean and has no B. */
const trailing =
  (centre: boolean): GradientRule =>
  (g) => {
    const { t, dy, op } = g;
    if (g.optionalDy(1) !== undefined || g.optionalDy(2) !== undefined) {
      t.refuse('the loss depends on its mean or deviation');
    }
    let known: Normalised | undefined;
    const n = () => {
      // ONNX Runtime gives the statistics in float32, whatever x is of.
      known ??=
        centre && t.dtype(g.x(0)) === 'float32'
          ? normalisedByNode(g, trailingAxes(g))
          : normalised(t, g.x(0), trailingAxes(g), op.float('epsilon', 1e-5), centre);
      return known;
    };
    return g.each(
      () => throughNormalised(t, n(), t.mul(dy, g.x(1))),
      () => t.unbroadcast(t.mul(dy, n().value), g.x(1)),
      () => t.unbroadcast(dy, g.x(2)),
    );
  };

const spatialAxes = (rank: number): number[] => Array.from({ length: rank - 2 }, (_, i) => i + 2);

/** Each channel of each image by itself, then scale and shift by channel. */
const instanceNorm: GradientRule = (g) => {
  const { t, dy, op } = g;
  const rank = t.rank(g.x(0));
  const n = normalised(t, g.x(0), spatialAxes(rank), op.float('epsilon', 1e-5));
  const others = [0, ...spatialAxes(rank)];
  return g.each(
    () => throughNormalised(t, n, t.mul(dy, t.perChannel(g.x(1), rank))),
    () => t.reduceSum(t.mul(dy, n.value), others, false),
    () => t.reduceSum(dy, others, false),
  );
};

/** Groups of channels of each image (Wu and He 2018); scale and shift by channel, before opset 21 by group. */
const groupNorm: GradientRule = (g) => {
  const { t, dy, op } = g;
  const x = g.x(0);
  const groups = op.optionalInt('num_groups') ?? t.refuse('it needs the attribute num_groups');
  const byChannel = t.size(g.x(1), 0) === t.size(x, 1);
  const sizes = t.dims(x).slice(2);
  const channels = t.size(x, 1) / groups;
  // [N, G, C / G, positions]: groups or channels are then axes of their own.
  const apart = (value: string): string => t.reshape(value, [0, groups, channels, -1]);
  const grouped = apart(x);
  const n = normalised(t, grouped, [2, 3], op.float('epsilon', 1e-5));
  const gradient = apart(dy);
  const scale = t.reshape(g.x(1), [groups, byChannel ? channels : 1, 1]);
  const others = byChannel ? [0, 3] : [0, 2, 3];
  const toParameter = (value: string): string => t.reshape(t.reduceSum(value, others, false), [-1]);
  return g.each(
    () => {
      const dx = throughNormalised(t, n, t.mul(gradient, scale));
      return sizes.every((size) => typeof size === 'number') ? back(t, dx, x) : t.reshapeLike(dx, x);
    },
    () => toParameter(t.mul(gradient, n.value)),
    () => toParameter(gradient),
  );
};

/** [N, …] in the shape of `like`, whose batch may not be known. */
function back(t: Terms, value: string, like: string): string {
  return t.reshape(
    value,
    t.dims(like).map((_, axis) => (axis === 0 ? 0 : t.size(like, axis))),
  );
}

/**
 * y = (x − mean)/(σ + 10⁻⁹) over `axes`, as the function of the operator has it: a map of one value has the slope 10⁹ of the
 * formula rather than 0/0.
 */
const meanVariance: GradientRule = (g) => {
  const { t, dy, op } = g;
  const x = g.x(0);
  const axes = (op.ints('axes') ?? [0, 2, 3]).map((axis) => op.axisOf(axis, t.rank(x)));
  const centred = t.sub(x, t.reduceMean(x, axes));
  const deviation = t.op('Sqrt', [t.reduceMean(t.mul(centred, centred), axes)]);
  const inverse = t.op('Reciprocal', [t.add(deviation, t.scalar(1e-9, x))]);
  return [throughNormalised(t, { value: t.mul(centred, inverse), inverse, axes, centred: true }, dy)];
};

/** y = x/‖x‖ₚ along an axis: dx = (dy − ∂‖x‖ₚ · Σ dy·y)/‖x‖ₚ; 0 where the norm is. */
const lpNorm: GradientRule = (g) => {
  const { t, dy, op } = g;
  const x = g.x(0);
  const axis = op.axisOf(op.int('axis', -1), t.rank(x));
  const p = op.int('p', 2);
  if (p !== 1 && p !== 2) t.refuse(`a norm of order ${p} is not supported`);
  const norm = p === 1 ? t.reduceSum(t.op('Abs', [x]), [axis]) : t.op('Sqrt', [t.reduceSum(t.mul(x, x), [axis])]);
  const slope = p === 1 ? t.op('Sign', [x]) : g.y();
  const rest = t.sub(dy, t.mul(slope, t.reduceSum(t.mul(dy, g.y()), [axis])));
  const zero = t.op('Equal', [norm, t.scalar(0, norm)]);
  return [t.op('Where', [zero, t.scalar(0, x), t.div(rest, norm)])];
};

/**
 * y = x · D^−β, D = bias + α/size · Σ x² over neighbouring channels (Krizhevsky et al. 2012, section 3.3):
 * dx = dy · D^−β − 2αβ/size · x · Σ dy·y/D, summed over those whose neighbour x is.
 */
const localResponseNorm: GradientRule = (g) => {
  const { t, dy, op } = g;
  const x = g.x(0);
  const size = op.optionalInt('size') ?? t.refuse('it needs the attribute size');
  const [alpha, beta] = [op.float('alpha', 1e-4), op.float('beta', 0.75)];
  const [before, after] = [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)];
  const mean = (value: string, pads: readonly [number, number]): string => {
    const flat = t.reshape(value, [0, 1, t.size(x, 1), -1]);
    const attributes = { kernel_shape: [size, 1], pads: [pads[0], 0, pads[1], 0], count_include_pad: 1 };
    return t.reshapeLike(t.op('AveragePool', [flat], attributes), x);
  };
  const base = t.add(t.scale(mean(t.mul(x, x), [before, after]), alpha), t.scalar(op.float('bias', 1), x));
  const power = t.op('Pow', [base, t.scalar(-beta, x)]);
  const shares = mean(t.div(t.mul(dy, g.y()), base), [after, before]);
  return [t.sub(t.mul(dy, power), t.mul(t.scale(x, 2 * alpha * beta), shares))];
};

export const normalization = {
  BatchNormalization: batchNorm,
  InstanceNormalization: instanceNorm,
  LayerNormalization: trailing(true),
  GroupNormalization: groupNorm,
  LRN: localResponseNorm,
  LpNormalization: lpNorm,
  MeanVarianceNormalization: meanVariance,
  RMSNormalization: trailing(false),
} as const;
