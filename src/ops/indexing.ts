/** Operators that pick or place elements by index. */
import { formatShape } from '../tensor/index.ts';
import type { Dims } from './dims.ts';
import { rearranged, stridesOf } from './known-value.ts';
import { likeFirst, rule, typed } from './op-rule.ts';

const gather = rule(
  (op) => {
    const [x, indices] = [op.dims(0), op.dims(1)];
    if (x === undefined) return [typed(op.dtype(0), undefined)];
    const axis = op.axisOf(op.int('axis', 0), x.length);
    return [typed(op.dtype(0), indices && [...x.slice(0, axis), ...indices, ...x.slice(axis + 1)])];
  },
  {
    evaluate: (op) => {
      const value = op.value(0);
      const at = op.numbers(1);
      const indexDims = op.value(1)?.dims;
      if (value === undefined || at === undefined || indexDims === undefined) return [];
      const axis = op.axisOf(op.int('axis', 0), value.dims.length);
      const size = value.dims[axis] ?? 0;
      if (at.some((index) => index < -size || index >= size)) {
        op.fail(`the index ${at.find((index) => index < -size || index >= size)} must lie in an axis of ${size}`);
      }
      const strides = stridesOf(value.dims);
      const indexStrides = stridesOf(indexDims);
      const dims = [...value.dims.slice(0, axis), ...indexDims, ...value.dims.slice(axis + 1)];
      const from = (index: readonly number[]): number => {
        const inner = indexStrides.reduce((sum, stride, i) => sum + (index[axis + i] ?? 0) * stride, 0);
        const picked = at[inner] ?? 0;
        return strides.reduce((sum, stride, i) => {
          if (i === axis) return sum + (picked < 0 ? picked + size : picked) * stride;
          return sum + (index[i < axis ? i : i + indexDims.length - 1] ?? 0) * stride;
        }, 0);
      };
      return [rearranged(value, dims, from)];
    },
  },
);

export const indexing = {
  Gather: gather,
  GatherElements: rule((op) => [typed(op.dtype(0), op.dims(1))]),
  GatherND: rule((op) => {
    const [x, indices] = [op.dims(0), op.dims(1)];
    const depth = indices?.at(-1);
    if (x === undefined || indices === undefined || typeof depth !== 'number') return [typed(op.dtype(0), undefined)];
    const batch = op.int('batch_dims', 0);
    if (batch + depth > x.length) op.fail(`indices of depth ${depth} must fit into ${formatShape(x)}`);
    return [typed(op.dtype(0), [...indices.slice(0, -1), ...x.slice(batch + depth)])];
  }),
  ScatterElements: rule(likeFirst),
  ScatterND: rule(likeFirst),
  Trilu: rule(likeFirst),
  Compress: rule((op) => {
    const x = op.dims(0);
    const axis = op.optionalInt('axis');
    if (x === undefined || axis === undefined) return [typed(op.dtype(0), [undefined])];
    const at = op.axisOf(axis, x.length);
    return [
      typed(
        op.dtype(0),
        x.map((dim, i) => (i === at ? undefined : dim)),
      ),
    ];
  }),
  NonZero: rule((op) => [typed('int64', [op.dims(0)?.length, undefined])]),
  OneHot: rule((op) => {
    const x = op.dims(0);
    if (x === undefined) return [typed(op.dtype(2), undefined)];
    const axis = op.axisOf(op.int('axis', -1), x.length + 1);
    const depth = op.numbers(1)?.[0];
    const dims: Dims = [...x.slice(0, axis), depth, ...x.slice(axis)];
    return [typed(op.dtype(2), dims)];
  }),
};
