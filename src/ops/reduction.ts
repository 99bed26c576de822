/** Reductions along axes, which are an attribute or, in newer operator sets, an input. */
import { elementCount } from '../tensor/index.ts';
import type { Dims } from './dims.ts';
import { asElement, type Element, INTEGER_TYPES, isConstant, type KnownValue, stridesOf } from './known-value.ts';
import type { OpContext } from './op-context.ts';
import { likeFirst, type OpRule, rule, typed } from './op-rule.ts';

/** The reduced axes, counted from the front; undefined if they are not known. */
function reducedAxes(op: OpContext, rank: number): number[] | undefined {
  const given = op.has(1) ? op.numbers(1) : (op.ints('axes') ?? []);
  if (given === undefined) return undefined;
  if (given.length > 0) return given.map((axis) => op.axisOf(axis, rank));
  return op.int('noop_with_empty_axes', 0) !== 0 ? [] : Array.from({ length: rank }, (_, axis) => axis);
}

function without(dims: Dims, axes: readonly number[], keep: boolean): Dims {
  if (keep) return dims.map((dim, axis) => (axes.includes(axis) ? 1 : dim));
  return dims.filter((_, axis) => !axes.includes(axis));
}

function reducedDims(op: OpContext): Dims | undefined {
  const x = op.dims(0);
  if (x === undefined) return undefined;
  const keep = op.int('keepdims', 1) !== 0;
  const axes = reducedAxes(op, x.length);
  if (axes !== undefined) return without(x, axes, keep);
  if (keep) return x.map(() => undefined);
  const count = op.dims(1)?.[0];
  return typeof count === 'number' ? x.slice(count).map(() => undefined) : undefined;
}

/** Integer reductions are exact; of floats only the largest and the smallest are. */
function evaluateReduction(
  op: OpContext,
  combine: (a: number, b: number) => number,
  floats: boolean,
): readonly (KnownValue | undefined)[] {
  const value = op.value(0);
  if (value === undefined || !isConstant(value) || (!floats && !INTEGER_TYPES.has(value.dtype))) return [];
  const axes = reducedAxes(op, value.dims.length);
  if (axes === undefined || elementCount(value.dims) === 0) return [];
  const kept = without(value.dims, axes, true) as number[];
  const strides = stridesOf(kept);
  const inStrides = stridesOf(value.dims);
  const elements: (number | undefined)[] = [];
  for (const [flat, element] of value.elements.entries()) {
    const at = strides.reduce((sum, stride, axis) => {
      const index = Math.floor(flat / (inStrides[axis] ?? 1)) % (value.dims[axis] ?? 1);
      return axes.includes(axis) ? sum : sum + index * stride;
    }, 0);
    const before = at in elements ? elements[at] : null;
    const next = Number(element);
    elements[at] =
      before === null
        ? asElement(value.dtype, next)
        : before === undefined
          ? undefined
          : asElement(value.dtype, combine(before, next));
  }
  const dims = without(value.dims, axes, op.int('keepdims', 1) !== 0) as number[];
  return [{ dtype: value.dtype, dims, elements: elements as Element[] }];
}

const reduction$: OpRule['infer'] = (op) => [typed(op.dtype(0), reducedDims(op))];

function reduces(combine?: (a: number, b: number) => number, floats = false): OpRule {
  if (combine === undefined) return rule(reduction$);
  return rule(reduction$, { evaluate: (op) => evaluateReduction(op, combine, floats) });
}

const argument = rule((op) => {
  const x = op.dims(0);
  if (x === undefined) return [typed('int64', undefined)];
  const axis = op.axisOf(op.int('axis', 0), x.length);
  return [typed('int64', without(x, [axis], op.int('keepdims', 1) !== 0))];
});

export const reduction = {
  ArgMax: argument,
  ArgMin: argument,
  CumSum: rule(likeFirst),
  ReduceL1: reduces(),
  ReduceL2: reduces(),
  ReduceLogSum: reduces(),
  ReduceLogSumExp: reduces(),
  ReduceMax: reduces(Math.max, true),
  ReduceMean: reduces(),
  ReduceMin: reduces(Math.min, true),
  ReduceProd: reduces((a, b) => a * b),
  ReduceSum: reduces((a, b) => a + b),
  ReduceSumSquare: reduces(),
  TopK: rule((op) => {
    const x = op.dims(0);
    if (x === undefined) return [typed(op.dtype(0), undefined), typed('int64', undefined)];
    const axis = op.axisOf(op.int('axis', -1), x.length);
    const count = op.value(1)?.elements[0] ?? op.optionalInt('k');
    const size = x[axis];
    if (typeof count === 'number' && typeof size === 'number' && count > size)
      op.fail(`k = ${count} must fit into ${size}`);
    const dims = x.map((dim, i) => (i !== axis ? dim : typeof count === 'bigint' ? undefined : count));
    return [typed(op.dtype(0), dims), typed('int64', dims)];
  }),
};
