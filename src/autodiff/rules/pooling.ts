/** Gradients of the poolings. */
import type { GradientRule } from '../gradient-rule.ts';

const globalAverage: GradientRule = (g) => {
  const { t, dy } = g;
  const x = g.x(0);
  const count = t.dims(x).reduce<number>((product, _, axis) => (axis < 2 ? product : product * t.size(x, axis)), 1);
  return [t.expandLike(t.scale(dy, 1 / count), x)];
};

export const pooling = {
  GlobalAveragePool: globalAverage,
  GlobalMaxPool: 'refused',
  AveragePool: 'refused',
  MaxPool: 'refused',
  GlobalLpPool: 'refused',
  LpPool: 'refused',
  MaxUnpool: 'refused',
} as const;
