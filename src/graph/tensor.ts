/**
 * A constant of a graph: element type, shape, and its bytes as ONNX's raw_data has them (row-major, little-endian,
 * 2- and 4-bit types packed from the low bits). The bytes may be fetched only when asked for (typed fields of a file,
 * external data), so loading a model does not read its weights.
 */
import { SkeinError } from '../base/index.ts';
import { DTYPES, type DType, elementCount, formatShape, type Shape } from '../tensor/index.ts';
import { decodeElements, encodeElements } from './tensor-elements.ts';

/** The bytes, how to get them, or one byte string an element for dtype 'string'. */
export type TensorSource = Uint8Array | (() => Uint8Array) | readonly Uint8Array[];

const BITS: Partial<Record<DType, number>> = { uint4: 4, int4: 4, float4e2m1: 4, uint2: 2, int2: 2 };

/** Bytes that a tensor of this type and shape takes; undefined for strings. */
export function tensorByteLength(dtype: DType, dims: Shape): number | undefined {
  const bytes = DTYPES[dtype].bytes;
  if (bytes !== undefined) return bytes * elementCount(dims);
  const bits = BITS[dtype];
  return bits === undefined ? undefined : Math.ceil((bits * elementCount(dims)) / 8);
}

export class Tensor {
  readonly dtype: DType;
  readonly dims: Shape;
  /** What a file says of it that Skein does not use; opaque, kept for saving. */
  readonly rest: unknown;
  readonly #source: TensorSource;

  /** @throws SkeinError 'invalid-argument' if the bytes do not fit type and shape */
  constructor(dtype: DType, dims: Shape, source: TensorSource, rest?: unknown) {
    this.dtype = dtype;
    this.dims = dims;
    this.rest = rest;
    this.#source = source;
    if (source instanceof Uint8Array) checkLength(dtype, dims, source.byteLength);
    else if (typeof source !== 'function' && (dtype !== 'string' || source.length !== elementCount(dims))) {
      throw new SkeinError(
        'invalid-argument',
        `A ${dtype} tensor of shape ${formatShape(dims)} cannot hold ${source.length} strings`,
      );
    }
  }

  /** A tensor of numbers, converted to `dtype` (rounded to nearest even for floats, refused where an integer does not fit). */
  static of(dtype: DType, dims: Shape, elements: ArrayLike<number | bigint>): Tensor {
    if (elements.length !== elementCount(dims)) {
      throw new SkeinError(
        'invalid-argument',
        `A tensor of shape ${formatShape(dims)} needs ${elementCount(dims)} elements, received ${elements.length}`,
      );
    }
    if (dtype === 'float32' && elements instanceof Float32Array) return Tensor.float32(dims, elements.slice());
    return new Tensor(dtype, dims, encodeElements(dtype, elements));
  }

  /** A float32 tensor; the array is not copied. */
  static float32(dims: Shape, data: Float32Array): Tensor {
    return new Tensor('float32', dims, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }

  /** A one-dimensional int64 tensor, as axes, pads and shapes are. */
  static int64s(values: readonly (number | bigint)[]): Tensor {
    return Tensor.of('int64', [values.length], values);
  }

  /** A tensor without dimensions. */
  static scalar(dtype: DType, value: number | bigint): Tensor {
    return Tensor.of(dtype, [], [value]);
  }

  static strings(dims: Shape, values: readonly string[]): Tensor {
    const encoder = new TextEncoder();
    return new Tensor(
      'string',
      dims,
      values.map((value) => encoder.encode(value)),
    );
  }

  get size(): number {
    return elementCount(this.dims);
  }

  /** Bytes of its data; undefined for strings. Does not fetch them. */
  get byteLength(): number | undefined {
    return tensorByteLength(this.dtype, this.dims);
  }

  /** @throws SkeinError 'corrupt' if what is fetched does not fit type and shape, 'unsupported' for strings */
  get bytes(): Uint8Array {
    if (this.#source instanceof Uint8Array) return this.#source;
    if (typeof this.#source !== 'function') throw new SkeinError('unsupported', 'A string tensor has no raw bytes');
    const bytes = this.#source();
    checkLength(this.dtype, this.dims, bytes.byteLength, 'corrupt');
    return bytes;
  }

  /** UTF-8 bytes of each element of a string tensor. */
  get encodedStrings(): readonly Uint8Array[] {
    if (this.#source instanceof Uint8Array || typeof this.#source === 'function') {
      throw new SkeinError('unsupported', `A ${this.dtype} tensor holds no strings`);
    }
    return this.#source;
  }

  /**
   * The elements as JavaScript numbers; integers beyond ±2^53 are bigints, bools are 0 and 1. Undefined for strings,
   * complex numbers and 4- and 8-bit floats.
   */
  elements(): (number | bigint)[] | undefined {
    if (this.dtype === 'string') return undefined;
    return decodeElements(this.dtype, this.bytes, this.size);
  }

  /** The elements of a float32 tensor; a view where alignment allows, so not to be written to. */
  float32s(): Float32Array {
    if (this.dtype !== 'float32') throw new SkeinError('unsupported', `Expected float32 data, received ${this.dtype}`);
    const bytes = this.bytes;
    // Not slice(), which on a Buffer copies nothing.
    const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
    return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4);
  }

  /** The same data under another shape of as many elements. */
  reshaped(dims: Shape): Tensor {
    if (elementCount(dims) !== this.size) {
      throw new SkeinError('invalid-argument', `Cannot reshape ${formatShape(this.dims)} to ${formatShape(dims)}`);
    }
    return new Tensor(this.dtype, dims, this.#source);
  }
}

function checkLength(
  dtype: DType,
  dims: Shape,
  actual: number,
  code: 'invalid-argument' | 'corrupt' = 'invalid-argument',
): void {
  const expected = tensorByteLength(dtype, dims);
  if (actual === expected) return;
  throw new SkeinError(
    code,
    `A ${dtype} tensor of shape ${formatShape(dims)} takes ${expected ?? 'no raw'} bytes, received ${actual}`,
  );
}
