/** Constants, shapes as values, and conversions: what exporters write around a network to compute its shapes. */
import { Tensor } from '../graph/index.ts';
import { type DType, dtypeOfOnnx, elementCount } from '../tensor/index.ts';
import { isKnown, productOf } from './dims.ts';
import {
  asElement,
  type Element,
  INTEGER_TYPES,
  type KnownValue,
  knownFromTensor,
  LARGEST_KNOWN,
} from './known-value.ts';
import { dimsFromInput } from './movement.ts';
import type { OpContext } from './op-context.ts';
import { likeFirst, rule, typed } from './op-rule.ts';

/** The tensor that a Constant node stands for; undefined for strings and sparse tensors. */
export function constantOf(op: OpContext): Tensor | undefined {
  const tensor = op.tensor('value');
  if (tensor !== undefined) return tensor;
  const [wholes, reals] = [op.ints('value_ints'), op.floats('value_floats')];
  if (wholes !== undefined) return Tensor.int64s(wholes);
  if (reals !== undefined) return Tensor.of('float32', [reals.length], reals);
  const [whole, real] = [op.optionalInt('value_int'), op.optionalFloat('value_float')];
  if (whole !== undefined) return Tensor.scalar('int64', whole);
  return real === undefined ? undefined : Tensor.scalar('float32', real);
}

/** Shape's slice of the dimensions, from attribute `start` to `end`. */
function shownDims(op: OpContext): Element[] | undefined {
  return op.dims(0)?.slice(op.int('start', 0), op.optionalInt('end'));
}

const shape = rule((op) => [typed('int64', [shownDims(op)?.length])], {
  evaluate: (op) => {
    const elements = shownDims(op);
    return elements === undefined ? [] : [{ dtype: 'int64', dims: [elements.length], elements }];
  },
});

const constant = rule(
  (op) => {
    const tensor = constantOf(op);
    if (tensor !== undefined) return [typed(tensor.dtype, tensor.dims)];
    const sparse = op.node.attributes.get('sparse_value');
    if (sparse?.kind === 'sparse-tensor') return [typed(sparse.value.values.dtype, sparse.value.dims)];
    const strings = op.node.attributes.get('value_strings');
    return [typed('string', strings?.kind === 'strings' ? [strings.value.length] : [])];
  },
  {
    evaluate: (op) => {
      const tensor = constantOf(op);
      return tensor === undefined ? [] : [knownFromTensor(tensor)];
    },
  },
);

/** The value of every element; float 0 unless told. */
function filling(op: OpContext): Tensor {
  return op.tensor('value') ?? Tensor.of('float32', [1], [0]);
}

const constantOfShape = rule((op) => [typed(filling(op).dtype, dimsFromInput(op, 0))], {
  evaluate: (op) => {
    const dims = dimsFromInput(op, 0);
    const element = filling(op).elements()?.[0];
    if (dims === undefined || !isKnown(dims) || element === undefined || elementCount(dims) > LARGEST_KNOWN) return [];
    return [{ dtype: filling(op).dtype, dims, elements: Array.from({ length: elementCount(dims) }, () => element) }];
  },
});

function castElement(element: Element, from: DType, to: DType): Element {
  // A symbol is a whole number that both types hold.
  if (typeof element === 'string') return to === 'bool' ? undefined : element;
  if (element === undefined) return undefined;
  if (typeof element === 'bigint') return to === from ? element : to === 'bool' ? 1 : undefined;
  if (to === 'bool') return element === 0 ? 0 : 1;
  return asElement(to, INTEGER_TYPES.has(to) ? Math.trunc(element) : element);
}

const CASTABLE: ReadonlySet<DType> = new Set([...INTEGER_TYPES, 'float32', 'float64'] as const);

function casted(value: KnownValue | undefined, to: DType | undefined): readonly (KnownValue | undefined)[] {
  if (value === undefined || to === undefined || !CASTABLE.has(to) || !CASTABLE.has(value.dtype)) return [];
  return [{ ...value, dtype: to, elements: value.elements.map((element) => castElement(element, value.dtype, to)) }];
}

const range = rule(
  (op) => {
    const [start, limit, delta] = [0, 1, 2].map((i) => op.numbers(i)?.[0]);
    if (start === undefined || limit === undefined || delta === undefined) return [typed(op.dtype(0), [undefined])];
    if (delta === 0) op.fail('a step of 0');
    return [typed(op.dtype(0), [Math.max(0, Math.ceil((limit - start) / delta))])];
  },
  {
    evaluate: (op) => {
      const dtype = op.value(0)?.dtype;
      const [start, limit, delta] = [0, 1, 2].map((i) => op.numbers(i)?.[0]);
      if (start === undefined || limit === undefined || !delta || dtype === undefined || !INTEGER_TYPES.has(dtype))
        return [];
      const count = Math.max(0, Math.ceil((limit - start) / delta));
      if (count > LARGEST_KNOWN) return [];
      const elements = Array.from({ length: count }, (_, i) => asElement(dtype, start + i * delta));
      return [{ dtype, dims: [count], elements }];
    },
  },
);

/** Whether a Dropout lets everything through. */
export function isInactiveDropout(op: OpContext): boolean {
  return !op.has(2) || op.numbers(2)?.[0] === 0;
}

export const shapeArithmetic = {
  Cast: rule((op) => [typed(dtypeOfOnnx(op.int('to', 0)), op.dims(0))], {
    evaluate: (op) => casted(op.value(0), dtypeOfOnnx(op.int('to', 0))),
  }),
  CastLike: rule((op) => [typed(op.dtype(1), op.dims(0))], { evaluate: (op) => casted(op.value(0), op.dtype(1)) }),
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Dropout: rule((op) => [typed(op.dtype(0), op.dims(0)), typed('bool', op.dims(0))], {
    evaluate: (op) => (isInactiveDropout(op) ? [op.value(0)] : []),
    settings: [1],
  }),
  EyeLike: rule((op) => [typed(dtypeOfOnnx(op.int('dtype', 0)) ?? op.dtype(0), op.dims(0))]),
  Identity: rule(likeFirst, { evaluate: (op) => [op.value(0)] }),
  Range: range,
  Shape: shape,
  Size: rule(() => [typed('int64', [])], {
    evaluate: (op) => {
      const dims = op.dims(0);
      return dims === undefined ? [] : [{ dtype: 'int64', dims: [], elements: [productOf(dims)] }];
    },
  }),
};
