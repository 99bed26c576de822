/** Operators that keep the elements in order and change the shape only. */
import type { Dim } from '../graph/index.ts';
import { elementCount, formatShape } from '../tensor/index.ts';
import { type Dims, isKnown, productOf, quotientOf } from './dims.ts';
import { dimsFromInput } from './movement.ts';
import type { OpContext } from './op-context.ts';
import { type OpRule, rule, typed } from './op-rule.ts';

/** A rule for one output with the first input's elements in the shape that `shapeOf` gives. */
function reshaping(shapeOf: (op: OpContext) => Dims | undefined): OpRule {
  return rule((op) => [typed(op.dtype(0), shapeOf(op))], {
    evaluate: (op) => {
      const value = op.value(0);
      const dims = shapeOf(op);
      if (value === undefined || dims === undefined || !isKnown(dims)) return [];
      return elementCount(dims) === value.elements.length ? [{ ...value, dims }] : [];
    },
  });
}

function reshapedDims(op: OpContext): Dims | undefined {
  const x = op.dims(0);
  const target = dimsFromInput(op, 1);
  if (target === undefined) return undefined;
  const keepsZero = op.int('allowzero', 0) !== 0;
  const kept = target.map((dim, axis): Dim => {
    if (dim !== 0 || keepsZero) return dim;
    if (x !== undefined && axis >= x.length) op.fail(`0 at place ${axis} must copy a dimension of ${formatShape(x)}`);
    return x?.[axis];
  });
  const open = kept.indexOf(-1);
  if (open < 0) {
    if (x !== undefined && isKnown(x) && isKnown(kept) && elementCount(x) !== elementCount(kept)) {
      op.fail(`${formatShape(x)} cannot be reshaped to ${formatShape(kept)}`);
    }
    return kept;
  }
  const others = kept.filter((_, axis) => axis !== open);
  const inferred = x && quotientOf(x, others);
  if (x !== undefined && isKnown(x) && isKnown(others) && inferred === undefined && !x.includes(0)) {
    op.fail(`${formatShape(x)} cannot be reshaped to ${formatShape(target)}`);
  }
  return kept.map((dim, axis) => (axis === open ? inferred : dim));
}

function flattenedDims(op: OpContext): Dims | undefined {
  const x = op.dims(0);
  if (x === undefined) return undefined;
  const given = op.int('axis', 1);
  const axis = given < 0 ? given + x.length : given;
  if (axis < 0 || axis > x.length) op.fail(`axis ${given} must lie in a rank of ${x.length}`);
  return [productOf(x.slice(0, axis)), productOf(x.slice(axis))];
}

/** The axes, an input or an attribute; 'unknown' if they are there but not known. */
function axesOf(op: OpContext): number[] | undefined | 'unknown' {
  if (op.has(1)) return op.numbers(1) ?? 'unknown';
  return op.ints('axes');
}

function squeezedDims(op: OpContext): Dims | undefined {
  const x = op.dims(0);
  const given = axesOf(op);
  if (x === undefined || given === 'unknown') return undefined;
  if (given === undefined) return isKnown(x) ? x.filter((dim) => dim !== 1) : undefined;
  const axes = given.map((axis) => op.axisOf(axis, x.length));
  for (const axis of axes) {
    if (typeof x[axis] === 'number' && x[axis] !== 1)
      op.fail(`axis ${axis} of ${formatShape(x)} must be 1 to be squeezed`);
  }
  return x.filter((_, axis) => !axes.includes(axis));
}

function unsqueezedDims(op: OpContext): Dims | undefined {
  const x = op.dims(0);
  const given = axesOf(op);
  if (x === undefined || given === undefined || given === 'unknown') return undefined;
  const rank = x.length + given.length;
  const axes = new Set(given.map((axis) => op.axisOf(axis, rank)));
  const rest = [...x];
  return Array.from({ length: rank }, (_, axis) => (axes.has(axis) ? 1 : rest.shift()));
}

export const reshapes = {
  Flatten: reshaping(flattenedDims),
  Reshape: reshaping(reshapedDims),
  Squeeze: reshaping(squeezedDims),
  Unsqueeze: reshaping(unsqueezedDims),
};
