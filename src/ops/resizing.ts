/** Resampling of maps. */
import type { Dim } from '../graph/index.ts';
import type { Dims } from './dims.ts';
import { dimsFromInput } from './movement.ts';
import type { OpContext } from './op-context.ts';
import { rule, typed } from './op-rule.ts';

/** The float32 product, rounded down, as ONNX Runtime computes it. */
function scaled(dim: Dim, scale: number | undefined): Dim {
  if (scale === 1) return dim;
  return typeof dim === 'number' && scale !== undefined ? Math.floor(Math.fround(dim * scale)) : undefined;
}

/** Sizes under the policies that keep the ratio of the sides. */
function keepingRatio(x: Dims, axes: readonly number[], sizes: Dims, policy: string): Dim[] {
  const ratios = axes.map((axis, i) => {
    const [size, dim] = [sizes[i], x[axis]];
    return typeof size === 'number' && typeof dim === 'number' ? size / dim : undefined;
  });
  if (ratios.some((ratio) => ratio === undefined)) return sizes.map(() => undefined);
  const ratio = (policy === 'not_larger' ? Math.min : Math.max)(...(ratios as number[]));
  return axes.map((axis) => {
    const dim = x[axis];
    return typeof dim === 'number' ? Math.round(dim * ratio) : undefined;
  });
}

function resizedDims(op: OpContext): Dims | undefined {
  const x = op.dims(0);
  if (x === undefined) return undefined;
  const axes = op.ints('axes')?.map((axis) => op.axisOf(axis, x.length)) ?? x.map((_, axis) => axis);
  const along = (axis: number, given: (at: number, dim: Dim) => Dim): Dim => {
    const at = axes.indexOf(axis);
    return at < 0 ? x[axis] : given(at, x[axis]);
  };
  if (op.has(3)) {
    const sizes = dimsFromInput(op, 3);
    if (sizes !== undefined && sizes.length !== axes.length)
      op.fail(`${axes.length} axes need as many sizes, received ${sizes.length}`);
    const policy = op.string('keep_aspect_ratio_policy', 'stretch');
    const final = sizes && (policy === 'stretch' ? sizes : keepingRatio(x, axes, sizes, policy));
    return x.map((_, axis) => along(axis, (at) => final?.[at]));
  }
  const scales = op.numbers(2);
  if (scales !== undefined && scales.length !== axes.length)
    op.fail(`${axes.length} axes need as many scales, received ${scales.length}`);
  return x.map((_, axis) => along(axis, (at, dim) => scaled(dim, scales?.[at])));
}

export const resizing = {
  Resize: rule((op) => [typed(op.dtype(0), resizedDims(op))], { settings: [1, 2, 3] }),
  GridSample: rule((op) => {
    const [x, grid] = [op.dims(0), op.dims(1)];
    return [typed(op.dtype(0), x && grid && [x[0], x[1], ...grid.slice(1, -1)])];
  }),
};
