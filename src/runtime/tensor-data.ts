/** Tensors as they go into and come out of a session. */
import type { DType, Shape } from '../tensor/index.ts';

export type NumericData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

export interface TensorData {
  readonly dtype: DType;
  readonly dims: Shape;
  /** Row-major elements; float16 and bfloat16 as their bits in a Uint16Array, bool as bytes. */
  readonly data: NumericData | readonly string[];
}

export type NamedTensors = Readonly<Record<string, TensorData>>;

/** What a model says of an input or output; symbolic dimensions are strings. */
export interface TensorInfo {
  readonly name: string;
  readonly dtype: DType;
  readonly dims: readonly (number | string)[];
}
