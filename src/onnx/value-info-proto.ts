/** ValueInfoProto ↔ ValueInfo. Types that are no tensors stay in `rest`. */
import { create } from '@bufbuild/protobuf';
import type { Dim, ValueInfo, ValueType } from '../graph/index.ts';
import { DTYPES, dtypeOfOnnx } from '../tensor/index.ts';
import {
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  type TypeProto,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from './gen/onnx_pb.ts';
import { remainderOf, startFrom } from './remainder.ts';

export function valueInfoFromProto(proto: ValueInfoProto): ValueInfo {
  // The type is kept in `rest` too: it may say more (denotations) than dtype and dims.
  return { name: proto.name, type: typeFromProto(proto.type), rest: remainderOf(proto, ['name']) };
}

export function valueInfoToProto(info: ValueInfo): ValueInfoProto {
  const proto = startFrom(ValueInfoProtoSchema, info.rest);
  proto.name = info.name;
  if (info.type !== undefined && !sameType(info.type, typeFromProto(proto.type))) proto.type = typeToProto(info.type);
  return proto;
}

function typeFromProto(type: TypeProto | undefined): ValueType | undefined {
  if (type?.value.case !== 'tensorType') return undefined;
  const { elemType, shape } = type.value.value;
  return {
    dtype: dtypeOfOnnx(elemType),
    dims: shape?.dim.map(({ value }): Dim => {
      // Some exporters write −1 or '' for a dimension that they do not know.
      if (value.case === 'dimValue') return value.value < 0n ? undefined : Number(value.value);
      return value.case === 'dimParam' && value.value !== '' ? value.value : undefined;
    }),
  };
}

function sameType(a: ValueType, b: ValueType | undefined): boolean {
  if (b === undefined || a.dtype !== b.dtype) return false;
  if (a.dims === undefined || b.dims === undefined) return a.dims === b.dims;
  return a.dims.length === b.dims.length && a.dims.every((dim, i) => dim === b.dims?.[i]);
}

function typeToProto(type: ValueType): TypeProto {
  const tensor = create(TypeProto_TensorSchema);
  if (type.dtype !== undefined) tensor.elemType = DTYPES[type.dtype].onnx;
  if (type.dims !== undefined) {
    const dim = type.dims.map((size) => {
      const dimension = create(TensorShapeProto_DimensionSchema);
      if (typeof size === 'number') dimension.value = { case: 'dimValue', value: BigInt(size) };
      else if (size !== undefined) dimension.value = { case: 'dimParam', value: size };
      return dimension;
    });
    tensor.shape = create(TensorShapeProtoSchema, { dim });
  }
  return create(TypeProtoSchema, { value: { case: 'tensorType', value: tensor } });
}
