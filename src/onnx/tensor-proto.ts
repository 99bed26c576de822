/**
 * TensorProto → Tensor. The data stay where they are (raw_data, typed fields, another file) until somebody asks for
 * them; saving writes them as raw_data, strings as string_data.
 */
import { create } from '@bufbuild/protobuf';
import { SkeinError } from '../base/index.ts';
import { type SparseTensor, Tensor, tensorByteLength } from '../graph/index.ts';
import { DTYPES, type DType, dtypeOfOnnx, elementCount, formatShape } from '../tensor/index.ts';
import type { ExternalData } from './external-data.ts';
import {
  type SparseTensorProto,
  SparseTensorProtoSchema,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProtoSchema,
} from './gen/onnx_pb.ts';
import { remainderOf, startFrom } from './remainder.ts';

/** The name stays in `rest`: tensors in attributes may have one too. */
const DATA_FIELDS = [
  'dims',
  'dataType',
  'rawData',
  'floatData',
  'int32Data',
  'int64Data',
  'doubleData',
  'uint64Data',
  'stringData',
  'externalData',
  'dataLocation',
] as const satisfies readonly (keyof TensorProto)[];

/** @throws SkeinError 'corrupt' if type, shape and data do not fit each other */
export function tensorFromProto(proto: TensorProto, external: ExternalData): Tensor {
  const label = `tensor '${proto.name}'`;
  const dtype = dtypeOfOnnx(proto.dataType);
  if (dtype === undefined) {
    throw new SkeinError(
      proto.dataType === 0 ? 'corrupt' : 'unsupported',
      `The ONNX ${label} has element type ${proto.dataType}, which Skein does not know`,
    );
  }
  const dims = proto.dims.map(Number);
  if (dims.some((dim) => dim < 0 || !Number.isSafeInteger(dim))) {
    throw new SkeinError('corrupt', `The ONNX ${label} has the impossible shape ${formatShape(dims)}`);
  }
  if (proto.segment !== undefined) throw new SkeinError('unsupported', `The ONNX ${label} is stored in segments`);
  const rest = remainderOf(proto, DATA_FIELDS);
  if (proto.dataLocation === TensorProto_DataLocation.EXTERNAL) {
    return new Tensor(dtype, dims, external.source(proto.externalData, tensorByteLength(dtype, dims), label), rest);
  }
  if (dtype === 'string') {
    checkCount(label, proto.stringData.length, elementCount(dims));
    return new Tensor(dtype, dims, proto.stringData, rest);
  }
  if (Object.hasOwn(proto, 'rawData')) {
    const expected = tensorByteLength(dtype, dims);
    if (proto.rawData.byteLength !== expected) {
      throw new SkeinError(
        'corrupt',
        `The ONNX ${label} of shape ${formatShape(dims)} needs ${expected} bytes, the file has ${proto.rawData.byteLength}`,
      );
    }
    return new Tensor(dtype, dims, proto.rawData, rest);
  }
  let unpacked: Uint8Array | undefined;
  return new Tensor(
    dtype,
    dims,
    () => {
      unpacked ??= unpackTyped(proto, dtype, elementCount(dims), label);
      return unpacked;
    },
    rest,
  );
}

function checkCount(label: string, received: number, expected: number): void {
  if (received === expected) return;
  throw new SkeinError('corrupt', `The ONNX ${label} needs ${expected} elements, the file has ${received}`);
}

/** The bytes of what lies in float_data, int32_data and their like. */
function unpackTyped(proto: TensorProto, dtype: DType, count: number, label: string): Uint8Array {
  const length = tensorByteLength(dtype, proto.dims.map(Number)) ?? 0;
  // Checked before anything is allocated: a damaged shape can ask for any amount.
  const allocate = (received: number, expected: number): DataView => {
    checkCount(label, received, expected);
    return new DataView(new ArrayBuffer(length));
  };
  const view = fillTyped(proto, dtype, count, length, allocate);
  return new Uint8Array(view.buffer);
}

function fillTyped(
  proto: TensorProto,
  dtype: DType,
  count: number,
  length: number,
  allocate: (received: number, expected: number) => DataView,
): DataView {
  switch (dtype) {
    case 'float32':
    case 'complex64': {
      const view = allocate(proto.floatData.length, length / 4);
      for (const [i, value] of proto.floatData.entries()) view.setFloat32(4 * i, value, true);
      return view;
    }
    case 'float64':
    case 'complex128': {
      const view = allocate(proto.doubleData.length, length / 8);
      for (const [i, value] of proto.doubleData.entries()) view.setFloat64(8 * i, value, true);
      return view;
    }
    case 'int64': {
      const view = allocate(proto.int64Data.length, count);
      for (const [i, value] of proto.int64Data.entries()) view.setBigInt64(8 * i, value, true);
      return view;
    }
    case 'uint64': {
      const view = allocate(proto.uint64Data.length, count);
      for (const [i, value] of proto.uint64Data.entries()) view.setBigUint64(8 * i, value, true);
      return view;
    }
    case 'uint32': {
      const view = allocate(proto.uint64Data.length, count);
      for (const [i, value] of proto.uint64Data.entries()) view.setUint32(4 * i, Number(value), true);
      return view;
    }
    default: {
      // Everything narrower lies in int32_data: one element each, or one byte of packed elements.
      const size = DTYPES[dtype].bytes ?? 1;
      const view = allocate(proto.int32Data.length, length / size);
      for (const [i, value] of proto.int32Data.entries()) {
        if (size === 4) view.setInt32(4 * i, value, true);
        else if (size === 2) view.setUint16(2 * i, value & 0xffff, true);
        else view.setUint8(i, value & 0xff);
      }
      return view;
    }
  }
}

/** Where the data of a tensor go instead of raw_data; undefined leaves them in the message. */
export type PlaceOutside = (
  name: string,
  tensor: Tensor,
) => { location: string; offset: number; length: number } | undefined;

export function tensorToProto(name: string, tensor: Tensor, placeOutside?: PlaceOutside): TensorProto {
  const proto = startFrom(TensorProtoSchema, tensor.rest);
  if (name !== '') proto.name = name;
  proto.dims = tensor.dims.map(BigInt);
  proto.dataType = DTYPES[tensor.dtype].onnx;
  if (tensor.dtype === 'string') {
    proto.stringData = [...tensor.encodedStrings];
    return proto;
  }
  const place = placeOutside?.(name, tensor);
  if (place === undefined) {
    proto.rawData = tensor.bytes;
    return proto;
  }
  proto.dataLocation = TensorProto_DataLocation.EXTERNAL;
  proto.externalData = Object.entries(place).map(([key, value]) =>
    create(StringStringEntryProtoSchema, { key, value: String(value) }),
  );
  return proto;
}

/** The name of a sparse tensor is that of its values. */
export function sparseTensorFromProto(
  proto: SparseTensorProto,
  external: ExternalData,
): { name: string; sparse: SparseTensor } {
  if (proto.values === undefined || proto.indices === undefined) {
    throw new SkeinError('corrupt', 'The ONNX model has a sparse tensor without values or indices');
  }
  const sparse = {
    values: tensorFromProto(proto.values, external),
    indices: tensorFromProto(proto.indices, external),
    dims: proto.dims.map(Number),
    rest: remainderOf(proto, ['values', 'indices', 'dims']),
  };
  return { name: proto.values.name, sparse };
}

export function sparseTensorToProto(name: string, sparse: SparseTensor): SparseTensorProto {
  const proto = startFrom(SparseTensorProtoSchema, sparse.rest);
  proto.values = tensorToProto(name, sparse.values);
  proto.indices = tensorToProto('', sparse.indices);
  proto.dims = sparse.dims.map(BigInt);
  return proto;
}
