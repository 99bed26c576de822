/** Gradients of the convolutions. */
import type { GradientRule } from '../gradient-rule.ts';

/** Stride 1 and 2, symmetric pads, one group: what comes first. */
const conv: GradientRule = (g) => {
  const { t, dy, op } = g;
  const [x, weight] = [g.x(0), g.x(1)];
  const spatial = t.rank(x) - 2;
  const kernel = Array.from({ length: spatial }, (_, axis) => t.size(weight, axis + 2));
  const strides = op.ints('strides') ?? kernel.map(() => 1);
  const pads = op.ints('pads') ?? [...kernel, ...kernel].map(() => 0);
  return g.each(
    () => {
      const outputPadding = kernel.map((size, axis) => {
        const [from, to] = [t.size(x, axis + 2), t.size(dy, axis + 2)];
        const all = (pads[axis] ?? 0) + (pads[axis + spatial] ?? 0);
        return from - ((to - 1) * (strides[axis] ?? 1) + size - all);
      });
      return t.op('ConvTranspose', [dy, weight], {
        kernel_shape: kernel,
        strides,
        pads,
        output_padding: outputPadding,
      });
    },
    () => {
      const swap = [1, 0, ...kernel.map((_, axis) => axis + 2)];
      const full = t.op('Conv', [t.transpose(x, swap), t.transpose(dy, swap)], { pads, dilations: strides });
      const cut = kernel.map((size, axis) => ({ axis: axis + 2, start: 0, end: size }));
      return t.transpose(t.slice(full, cut), swap);
    },
    () => t.reduceSum(dy, [0, ...kernel.map((_, axis) => axis + 2)], false),
  );
};

export const convolution = {
  Conv: conv,
  ConvTranspose: 'refused',
  ConvInteger: 'refused',
  QLinearConv: 'refused',
} as const;
