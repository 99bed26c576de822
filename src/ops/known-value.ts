/**
 * Values that are known before the model runs: constants, and what is computed from shapes. An element of a shape may be
 * a symbol ('batch') or unknown, so `Concat(Shape(x)[0], [-1])` is the value ['batch', -1]. Only small values are
 * followed; weights are not looked at.
 */
import { Tensor } from '../graph/index.ts';
import { type DType, elementCount, type Shape } from '../tensor/index.ts';

/** A bigint only beyond ±2^53; a string is a symbolic dimension (so not negative); bools are 0 and 1. */
export type Element = number | bigint | string | undefined;

export interface KnownValue {
  readonly dtype: DType;
  readonly dims: Shape;
  /** Row-major. */
  readonly elements: readonly Element[];
}

/** Values of more elements are not followed. */
export const LARGEST_KNOWN = 1024;

/** The value of a constant; undefined if it is too large or holds no numbers. */
export function knownFromTensor(tensor: Tensor): KnownValue | undefined {
  if (tensor.size > LARGEST_KNOWN) return undefined;
  const elements = tensor.elements();
  return elements === undefined ? undefined : { dtype: tensor.dtype, dims: tensor.dims, elements };
}

/** The constant with this value; undefined if an element is a symbol or not known. */
export function tensorFromKnown(value: KnownValue): Tensor | undefined {
  if (!isConstant(value)) return undefined;
  return Tensor.of(value.dtype, value.dims, value.elements);
}

type Constant = KnownValue & { readonly elements: readonly (number | bigint)[] };

export function isConstant(value: KnownValue): value is Constant {
  return value.elements.every((element) => typeof element === 'number' || typeof element === 'bigint');
}

export const INTEGER_TYPES: ReadonlySet<DType> = new Set([
  'int8',
  'uint8',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'uint64',
  'bool',
] as const);

const RANGES: Partial<Record<DType, readonly [low: number, high: number]>> = {
  bool: [0, 1],
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  uint64: [0, Number.MAX_SAFE_INTEGER],
};

/**
 * `number` as ONNX Runtime would hold it in `dtype`: floats rounded, integers as they are; undefined where that cannot be
 * said (overflow, integers that are not exact here, types without arithmetic).
 */
export function asElement(dtype: DType, number: number): number | undefined {
  if (dtype === 'float32') return Math.fround(number);
  if (dtype === 'float64') return number;
  const range = RANGES[dtype];
  return range !== undefined && Number.isInteger(number) && number >= range[0] && number <= range[1]
    ? number + 0
    : undefined;
}

/**
 * A value of shape `dims` whose element at each index is taken from `source` at the flat position that `from` gives.
 * Undefined if it would be too large.
 */
export function rearranged(
  source: KnownValue,
  dims: Shape,
  from: (index: readonly number[]) => number,
): KnownValue | undefined {
  const count = elementCount(dims);
  if (count > LARGEST_KNOWN) return undefined;
  const elements: Element[] = [];
  const index = dims.map(() => 0);
  for (let i = 0; i < count; i++) {
    elements.push(source.elements[from(index)]);
    advance(index, dims);
  }
  return { dtype: source.dtype, dims, elements };
}

/** The next index in row-major order. */
export function advance(index: number[], dims: Shape): void {
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    const next = (index[axis] ?? 0) + 1;
    if (next < (dims[axis] ?? 1)) {
      index[axis] = next;
      return;
    }
    index[axis] = 0;
  }
}

/** How far apart neighbours along each axis lie in row-major order. */
export function stridesOf(dims: Shape): number[] {
  const strides: number[] = [];
  let stride = 1;
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= dims[axis] ?? 1;
  }
  return strides;
}

/** The flat position of an index in a value that is broadcast: axes of size 1 are repeated, missing ones are in front. */
export function broadcastPosition(index: readonly number[], dims: Shape, strides: readonly number[]): number {
  const lead = index.length - dims.length;
  return dims.reduce((sum, size, axis) => sum + (size === 1 ? 0 : (index[axis + lead] ?? 0) * (strides[axis] ?? 0)), 0);
}
