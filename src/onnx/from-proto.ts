/** ModelProto → Model. Nothing of the file is lost: what has no field of its own goes into `rest`. */
import { SkeinError } from '../base/index.ts';
import type {
  Attribute,
  AttributeValue,
  FunctionDefinition,
  Graph,
  Model,
  Node,
  SparseTensor,
  Tensor,
  TrainingInfo,
  ValueInfo,
} from '../graph/index.ts';
import type { ExternalData } from './external-data.ts';
import {
  type AttributeProto,
  type FunctionProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type OperatorSetIdProto,
  type TensorProto,
  type TrainingInfoProto,
  AttributeProto_AttributeType as Type,
  type ValueInfoProto,
} from './gen/onnx_pb.ts';
import { remainderOf } from './remainder.ts';
import { sparseTensorFromProto, tensorFromProto } from './tensor-proto.ts';
import { valueInfoFromProto } from './value-info-proto.ts';

/** @throws SkeinError 'corrupt' if it is not a whole model */
export function modelFromProto(proto: ModelProto, external: ExternalData): Model {
  if (proto.graph === undefined) throw new SkeinError('corrupt', 'The ONNX file has no graph: it is no ONNX model');
  if (proto.opsetImport.length === 0) {
    throw new SkeinError('corrupt', 'The ONNX file imports no operator set: it is truncated or no ONNX model');
  }
  return {
    irVersion: Number(proto.irVersion),
    opsets: opsetsByDomain(proto.opsetImport),
    producerName: proto.producerName,
    producerVersion: proto.producerVersion,
    graph: graphFromProto(proto.graph, external),
    functions: proto.functions.map((each) => functionFromProto(each, external)),
    trainingInfos: proto.trainingInfo.map((each) => trainingInfoFromProto(each, external)),
    metadata: new Map(proto.metadataProps.map(({ key, value }) => [key, value])),
    rest: remainderOf(proto, [
      'irVersion',
      'opsetImport',
      'producerName',
      'producerVersion',
      'graph',
      'functions',
      'trainingInfo',
      'metadataProps',
    ]),
  };
}

/** The standard operator set has two names; Skein uses the empty one. */
function standardDomain(domain: string): string {
  return domain === 'ai.onnx' ? '' : domain;
}

function opsetsByDomain(imports: readonly OperatorSetIdProto[]): ReadonlyMap<string, number> {
  const opsets = new Map<string, number>();
  for (const { domain, version } of imports) {
    const name = standardDomain(domain);
    opsets.set(name, Math.max(opsets.get(name) ?? 0, Number(version)));
  }
  return opsets;
}

function graphFromProto(proto: GraphProto, external: ExternalData): Graph {
  const initializers = new Map<string, Tensor>();
  for (const each of proto.initializer) {
    if (initializers.has(each.name)) throw twice(each.name);
    initializers.set(each.name, tensorFromProto(each, external));
  }
  const sparseInitializers = new Map<string, SparseTensor>();
  for (const each of proto.sparseInitializer) {
    const { name, sparse } = sparseTensorFromProto(each, external);
    if (initializers.has(name) || sparseInitializers.has(name)) throw twice(name);
    sparseInitializers.set(name, sparse);
  }
  return {
    name: proto.name,
    inputs: proto.input.map(valueInfoFromProto),
    outputs: proto.output.map(valueInfoFromProto),
    initializers,
    sparseInitializers,
    nodes: proto.node.map((node) => nodeFromProto(node, external)),
    valueInfos: valueInfosByName(proto.valueInfo),
    rest: remainderOf(proto, ['name', 'input', 'output', 'initializer', 'sparseInitializer', 'node', 'valueInfo']),
  };
}

function twice(name: string): SkeinError {
  return new SkeinError('corrupt', `The ONNX graph has the initializer '${name}' twice`);
}

function valueInfosByName(protos: readonly ValueInfoProto[]): ReadonlyMap<string, ValueInfo> {
  return new Map(protos.map((proto) => [proto.name, valueInfoFromProto(proto)]));
}

function nodeFromProto(proto: NodeProto, external: ExternalData): Node {
  return {
    name: proto.name,
    opType: proto.opType,
    domain: standardDomain(proto.domain),
    inputs: proto.input,
    outputs: proto.output,
    attributes: attributesByName(proto.attribute, external),
    rest: remainderOf(proto, ['name', 'opType', 'domain', 'input', 'output', 'attribute']),
  };
}

function attributesByName(protos: readonly AttributeProto[], external: ExternalData): ReadonlyMap<string, Attribute> {
  return new Map(protos.map((proto) => [proto.name, attributeFromProto(proto, external)]));
}

function functionFromProto(proto: FunctionProto, external: ExternalData): FunctionDefinition {
  return {
    domain: standardDomain(proto.domain),
    name: proto.name,
    opsets: opsetsByDomain(proto.opsetImport),
    inputs: proto.input,
    outputs: proto.output,
    attributes: attributesByName(proto.attributeProto, external),
    nodes: proto.node.map((node) => nodeFromProto(node, external)),
    valueInfos: valueInfosByName(proto.valueInfo),
    rest: remainderOf(proto, [
      'domain',
      'name',
      'opsetImport',
      'input',
      'output',
      'attributeProto',
      'node',
      'valueInfo',
    ]),
  };
}

function trainingInfoFromProto(proto: TrainingInfoProto, external: ExternalData): TrainingInfo {
  const graph = (each: GraphProto | undefined): Graph | undefined => each && graphFromProto(each, external);
  return {
    initialization: graph(proto.initialization),
    algorithm: graph(proto.algorithm),
    rest: remainderOf(proto, ['initialization', 'algorithm']),
  };
}

function attributeFromProto(proto: AttributeProto, external: ExternalData): Attribute {
  const read = readValue(proto, external);
  // A reference to an attribute of the calling node has a type but no value of its own.
  if (read === undefined || proto.refAttrName !== '') return { kind: 'opaque', rest: remainderOf(proto, ['name']) };
  return { ...read.value, rest: remainderOf(proto, ['name', 'type', read.field]) };
}

function readValue(
  proto: AttributeProto,
  external: ExternalData,
): { value: AttributeValue; field: keyof AttributeProto } | undefined {
  const tensor = (each: TensorProto): Tensor => tensorFromProto(each, external);
  const missing = (): never => {
    throw new SkeinError('corrupt', `The ONNX attribute '${proto.name}' has no value`);
  };
  switch (proto.type) {
    case Type.FLOAT:
      return { value: { kind: 'float', value: proto.f }, field: 'f' };
    case Type.INT:
      return { value: { kind: 'int', value: proto.i }, field: 'i' };
    case Type.STRING: {
      const value = decodeText(proto.s);
      return {
        value: value === undefined ? { kind: 'bytes', value: proto.s } : { kind: 'string', value },
        field: 's',
      };
    }
    case Type.TENSOR:
      return { value: { kind: 'tensor', value: tensor(proto.t ?? missing()) }, field: 't' };
    case Type.GRAPH:
      return { value: { kind: 'graph', value: graphFromProto(proto.g ?? missing(), external) }, field: 'g' };
    case Type.SPARSE_TENSOR: {
      const { sparse } = sparseTensorFromProto(proto.sparseTensor ?? missing(), external);
      return { value: { kind: 'sparse-tensor', value: sparse }, field: 'sparseTensor' };
    }
    case Type.FLOATS:
      return { value: { kind: 'floats', value: proto.floats }, field: 'floats' };
    case Type.INTS:
      return { value: { kind: 'ints', value: proto.ints }, field: 'ints' };
    case Type.STRINGS: {
      const texts = proto.strings.map(decodeText);
      const value: AttributeValue = texts.every((text) => text !== undefined)
        ? { kind: 'strings', value: texts }
        : { kind: 'bytes-list', value: proto.strings };
      return { value, field: 'strings' };
    }
    case Type.TENSORS:
      return { value: { kind: 'tensors', value: proto.tensors.map(tensor) }, field: 'tensors' };
    case Type.GRAPHS: {
      const value = proto.graphs.map((each) => graphFromProto(each, external));
      return { value: { kind: 'graphs', value }, field: 'graphs' };
    }
    case Type.SPARSE_TENSORS: {
      const value = proto.sparseTensors.map((each) => sparseTensorFromProto(each, external).sparse);
      return { value: { kind: 'sparse-tensors', value }, field: 'sparseTensors' };
    }
    default:
      return undefined;
  }
}

const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Undefined for bytes that are no UTF-8. */
function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return strictDecoder.decode(bytes);
  } catch {
    return undefined;
  }
}
