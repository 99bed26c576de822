/**
 * Element types, under the names that ONNX Runtime's JavaScript API uses, with what each is called in ONNX
 * (TensorProto.DataType) and in the Open Inference Protocol.
 */
interface DTypeInfo {
  /** TensorProto.DataType of the ONNX specification. */
  readonly onnx: number;
  /** Bytes of one element in memory; packed types of 2 and 4 bits and strings have none. */
  readonly bytes: number | undefined;
  /** The Open Inference Protocol's name; undefined where it has none. */
  readonly wire: string | undefined;
}

export const DTYPES = {
  float32: { onnx: 1, bytes: 4, wire: 'FP32' },
  uint8: { onnx: 2, bytes: 1, wire: 'UINT8' },
  int8: { onnx: 3, bytes: 1, wire: 'INT8' },
  uint16: { onnx: 4, bytes: 2, wire: 'UINT16' },
  int16: { onnx: 5, bytes: 2, wire: 'INT16' },
  int32: { onnx: 6, bytes: 4, wire: 'INT32' },
  int64: { onnx: 7, bytes: 8, wire: 'INT64' },
  string: { onnx: 8, bytes: undefined, wire: 'BYTES' },
  bool: { onnx: 9, bytes: 1, wire: 'BOOL' },
  float16: { onnx: 10, bytes: 2, wire: 'FP16' },
  float64: { onnx: 11, bytes: 8, wire: 'FP64' },
  uint32: { onnx: 12, bytes: 4, wire: 'UINT32' },
  uint64: { onnx: 13, bytes: 8, wire: 'UINT64' },
  complex64: { onnx: 14, bytes: 8, wire: undefined },
  complex128: { onnx: 15, bytes: 16, wire: undefined },
  bfloat16: { onnx: 16, bytes: 2, wire: 'BF16' },
  float8e4m3fn: { onnx: 17, bytes: 1, wire: undefined },
  float8e4m3fnuz: { onnx: 18, bytes: 1, wire: undefined },
  float8e5m2: { onnx: 19, bytes: 1, wire: undefined },
  float8e5m2fnuz: { onnx: 20, bytes: 1, wire: undefined },
  uint4: { onnx: 21, bytes: undefined, wire: undefined },
  int4: { onnx: 22, bytes: undefined, wire: undefined },
  float4e2m1: { onnx: 23, bytes: undefined, wire: undefined },
  float8e8m0: { onnx: 24, bytes: 1, wire: undefined },
  uint2: { onnx: 25, bytes: undefined, wire: undefined },
  int2: { onnx: 26, bytes: undefined, wire: undefined },
} as const satisfies Record<string, DTypeInfo>;

export type DType = keyof typeof DTYPES;

const byOnnx = new Map<number, DType>(Object.entries(DTYPES).map(([name, info]) => [info.onnx, name as DType]));

/** The element type with this TensorProto.DataType; undefined for one that Skein does not know. */
export function dtypeOfOnnx(onnx: number): DType | undefined {
  return byOnnx.get(onnx);
}
