/**
 * Gradients through rounding by the straight-through estimator (Bengio et al. 2013; Jacob et al. 2018): rounding is taken
 * for what it is on average, the identity, where the integers do not saturate; what is cut off has none. Scales and zero
 * points are settings, not parameters. PyTorch's fake_quantize does the same.
 */
import type { DType } from '../../tensor/index.ts';
import type { GradientContext, GradientRule } from '../gradient-rule.ts';

const RANGES: Partial<Record<DType, readonly [least: number, greatest: number]>> = {
  uint8: [0, 255],
  int8: [-128, 127],
  uint16: [0, 65535],
  int16: [-32768, 32767],
};

/** d real / d integer = scale. */
const dequantize: GradientRule = (g) => g.each(() => g.t.mul(g.dy, scaleOf(g)));

/** d integer / d real = 1 / scale, from where the least integer begins to where the greatest one ends. */
const quantize: GradientRule = (g) => {
  const { t, dy, op } = g;
  const x = g.x(0);
  const [least, greatest] = RANGES[t.dtype(g.y())] ?? t.refuse(`it has no gradient for the type ${t.dtype(g.y())}`);
  return g.each(() => {
    const scale = scaleOf(g);
    const zero = op.has(2) ? alongAxis(g, t.cast(g.x(2), t.dtype(x))) : t.scalar(0, x);
    // In units of x: comparing with a bound costs less than rounding once more.
    const bound = (integer: number): string => t.mul(t.sub(t.scalar(integer, x), zero), scale);
    const inside = t.op('And', [
      t.op('GreaterOrEqual', [x, bound(least - 0.5)]),
      t.op('LessOrEqual', [x, bound(greatest + 0.5)]),
    ]);
    return g.masked(inside, t.div(dy, scale));
  });
};

function scaleOf(g: GradientContext): string {
  if (g.op.int('block_size', 0) !== 0) g.t.refuse('it has a scale for each block');
  return alongAxis(g, g.x(1));
}

/** A number a channel, so that it broadcasts against the input; one for all as it is. */
function alongAxis({ t, op, x }: GradientContext, values: string): string {
  if (t.rank(values) === 0 || t.size(values, 0) === 1) return values;
  const rank = t.rank(x(0));
  const axis = op.axisOf(op.int('axis', 1), rank);
  return t.reshape(
    values,
    Array.from({ length: rank }, (_, i) => (i === axis ? -1 : 1)),
  );
}

export const quantization = {
  DequantizeLinear: dequantize,
  QuantizeLinear: quantize,
  DynamicQuantizeLinear: 'refused',
} as const;
