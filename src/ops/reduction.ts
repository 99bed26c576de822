/** Reductions along axes, which are an attribute or, in newer operator sets, an input. */
import { elementCount } from '../tensor/index.ts';
import { type Dims, isKnown } from './dims.ts';
import {
  advance,
  asElement,
  type Element,
  INTEGER_TYPES,
  isConstant,
  type KnownValue,
  stridesOf,
} from './known-value.ts';
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

/** Integers only: those are exact, while the engine may add up floats in any order. */
function evaluateReduction(
  op: OpContext,
  combine: (a: number, b: number) => number,
): readonly (KnownValue | undefined)[] {
  const value = op.value(0);
  if (value === undefined || !isConstant(value) || !INTEGER_TYPES.has(value.dtype)) return [];
  const axes = reducedAxes(op, value.dims.length);
  if (axes === undefined || elementCount(value.dims) === 0) return [];
  const strides = stridesOf(value.dims.map((dim, axis) => (axes.includes(axis) ? 1 : dim)));
  const elements: Element[] = [];
  const index = value.dims.map(() => 0);
  for (const element of value.elements) {
    const at = index.reduce((sum, i, axis) => (axes.includes(axis) ? sum : sum + i * (strides[axis] ?? 0)), 0);
    const before = elements[at];
    if (!(at in elements)) elements[at] = asElement(value.dtype, Number(element));
    else if (typeof before === 'number') elements[at] = asElement(value.dtype, combine(before, Number(element)));
    advance(index, value.dims);
  }
  const dims = without(value.dims, axes, op.int('keepdims', 1) !== 0);
  return isKnown(dims) ? [{ dtype: value.dtype, dims, elements }] : [];
}

const reducedType: OpRule['infer'] = (op) => [typed(op.dtype(0), reducedDims(op))];

function reduces(combine?: (a: number, b: number) => number): OpRule {
  if (combine === undefined) return rule(reducedType);
  return rule(reducedType, { evaluate: (op) => evaluateReduction(op, combine) });
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
  ReduceMax: reduces(Math.max),
  ReduceMean: reduces(),
  ReduceMin: reduces(Math.min),
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
