/** Pooling over windows and over whole maps. */
import { slide, windowOf } from './convolution.ts';
import type { Dims } from './dims.ts';
import type { OpContext } from './op-context.ts';
import { rule, typed } from './op-rule.ts';

function pooled(op: OpContext): Dims | undefined {
  const x = op.dims(0);
  if (x === undefined) return undefined;
  op.requireRank(0, 3);
  const kernel = op.ints('kernel_shape');
  if (kernel === undefined) return op.fail('it needs the attribute kernel_shape');
  return [x[0], x[1], ...slide(op, windowOf(op, kernel), x.slice(2))];
}

function globallyPooled(op: OpContext): Dims | undefined {
  op.requireRank(0, 2);
  return op.dims(0)?.map((dim, axis) => (axis < 2 ? dim : 1));
}

const overWindows = rule((op) => [typed(op.dtype(0), pooled(op))]);
const overMaps = rule((op) => [typed(op.dtype(0), globallyPooled(op))]);

export const pooling = {
  AveragePool: overWindows,
  LpPool: overWindows,
  MaxPool: rule((op) => {
    const dims = pooled(op);
    return [typed(op.dtype(0), dims), typed('int64', dims)];
  }),
  GlobalAveragePool: overMaps,
  GlobalLpPool: overMaps,
  GlobalMaxPool: overMaps,
  MaxUnpool: rule((op) => {
    const x = op.dims(0);
    const kernel = op.ints('kernel_shape') ?? [];
    if (op.has(2)) return [typed(op.dtype(0), op.numbers(2) ?? x?.map(() => undefined))];
    const { strides, pads } = windowOf(op, kernel);
    const spatial = x?.slice(2).map((size, axis) => {
      if (typeof size !== 'number') return undefined;
      const padding = (pads[axis] ?? 0) + (pads[axis + kernel.length] ?? 0);
      return (size - 1) * (strides[axis] ?? 1) + (kernel[axis] ?? 1) - padding;
    });
    return [typed(op.dtype(0), x && [x[0], x[1], ...(spatial ?? [])])];
  }),
};
