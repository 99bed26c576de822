/** Model → ModelProto: the reverse of from-proto.ts, starting from what was kept in `rest`. */
import { create } from '@bufbuild/protobuf';
import type { Attribute, FunctionDefinition, Graph, Model, Node, TrainingInfo } from '../graph/index.ts';
import {
  type AttributeProto,
  AttributeProtoSchema,
  type FunctionProto,
  FunctionProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type OperatorSetIdProto,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  type TrainingInfoProto,
  TrainingInfoProtoSchema,
  AttributeProto_AttributeType as Type,
} from './gen/onnx_pb.ts';
import { startFrom } from './remainder.ts';
import { type PlaceOutside, sparseTensorToProto, tensorToProto } from './tensor-proto.ts';
import { valueInfoToProto } from './value-info-proto.ts';

/** @param placeOutside says which initializers of the graph go into another file; none unless given */
export function modelToProto(model: Model, placeOutside?: PlaceOutside): ModelProto {
  const proto = startFrom(ModelProtoSchema, model.rest);
  proto.irVersion = BigInt(model.irVersion);
  proto.opsetImport = opsetsToProto(model.opsets);
  if (model.producerName !== '') proto.producerName = model.producerName;
  if (model.producerVersion !== '') proto.producerVersion = model.producerVersion;
  proto.graph = graphToProto(model.graph, placeOutside);
  proto.functions = model.functions.map(functionToProto);
  proto.trainingInfo = model.trainingInfos.map(trainingInfoToProto);
  proto.metadataProps = [...model.metadata].map(([key, value]) => create(StringStringEntryProtoSchema, { key, value }));
  return proto;
}

function opsetsToProto(opsets: ReadonlyMap<string, number>): OperatorSetIdProto[] {
  return [...opsets].map(([domain, version]) =>
    create(OperatorSetIdProtoSchema, { ...(domain === '' ? {} : { domain }), version: BigInt(version) }),
  );
}

function graphToProto(graph: Graph, placeOutside?: PlaceOutside): GraphProto {
  const proto = startFrom(GraphProtoSchema, graph.rest);
  if (graph.name !== '') proto.name = graph.name;
  proto.input = graph.inputs.map(valueInfoToProto);
  proto.output = graph.outputs.map(valueInfoToProto);
  proto.initializer = [...graph.initializers].map(([name, tensor]) => tensorToProto(name, tensor, placeOutside));
  proto.sparseInitializer = [...graph.sparseInitializers].map(([name, sparse]) => sparseTensorToProto(name, sparse));
  proto.node = graph.nodes.map(nodeToProto);
  proto.valueInfo = [...graph.valueInfos.values()].map(valueInfoToProto);
  return proto;
}

function nodeToProto(node: Node): NodeProto {
  const proto = startFrom(NodeProtoSchema, node.rest);
  if (node.name !== '') proto.name = node.name;
  proto.opType = node.opType;
  if (node.domain !== '') proto.domain = node.domain;
  proto.input = [...node.inputs];
  proto.output = [...node.outputs];
  proto.attribute = attributesToProto(node.attributes);
  return proto;
}

function functionToProto(definition: FunctionDefinition): FunctionProto {
  const proto = startFrom(FunctionProtoSchema, definition.rest);
  proto.name = definition.name;
  if (definition.domain !== '') proto.domain = definition.domain;
  proto.opsetImport = opsetsToProto(definition.opsets);
  proto.input = [...definition.inputs];
  proto.output = [...definition.outputs];
  proto.attributeProto = attributesToProto(definition.attributes);
  proto.node = definition.nodes.map(nodeToProto);
  proto.valueInfo = [...definition.valueInfos.values()].map(valueInfoToProto);
  return proto;
}

function trainingInfoToProto(info: TrainingInfo): TrainingInfoProto {
  const proto = startFrom(TrainingInfoProtoSchema, info.rest);
  if (info.initialization !== undefined) proto.initialization = graphToProto(info.initialization);
  if (info.algorithm !== undefined) proto.algorithm = graphToProto(info.algorithm);
  return proto;
}

function attributesToProto(attributes: ReadonlyMap<string, Attribute>): AttributeProto[] {
  return [...attributes].map(([name, attribute]) => {
    const proto = startFrom(AttributeProtoSchema, attribute.rest);
    proto.name = name;
    writeValue(proto, attribute);
    return proto;
  });
}

const encoder = new TextEncoder();

function writeValue(proto: AttributeProto, attribute: Attribute): void {
  switch (attribute.kind) {
    case 'float':
      proto.type = Type.FLOAT;
      proto.f = attribute.value;
      return;
    case 'int':
      proto.type = Type.INT;
      proto.i = attribute.value;
      return;
    case 'string':
      proto.type = Type.STRING;
      proto.s = encoder.encode(attribute.value);
      return;
    case 'bytes':
      proto.type = Type.STRING;
      proto.s = attribute.value;
      return;
    case 'tensor':
      proto.type = Type.TENSOR;
      proto.t = tensorToProto('', attribute.value);
      return;
    case 'graph':
      proto.type = Type.GRAPH;
      proto.g = graphToProto(attribute.value);
      return;
    case 'sparse-tensor':
      proto.type = Type.SPARSE_TENSOR;
      proto.sparseTensor = sparseTensorToProto('', attribute.value);
      return;
    case 'floats':
      proto.type = Type.FLOATS;
      proto.floats = [...attribute.value];
      return;
    case 'ints':
      proto.type = Type.INTS;
      proto.ints = [...attribute.value];
      return;
    case 'strings':
      proto.type = Type.STRINGS;
      proto.strings = attribute.value.map((text) => encoder.encode(text));
      return;
    case 'bytes-list':
      proto.type = Type.STRINGS;
      proto.strings = [...attribute.value];
      return;
    case 'tensors':
      proto.type = Type.TENSORS;
      proto.tensors = attribute.value.map((tensor) => tensorToProto('', tensor));
      return;
    case 'graphs':
      proto.type = Type.GRAPHS;
      proto.graphs = attribute.value.map((graph) => graphToProto(graph));
      return;
    case 'sparse-tensors':
      proto.type = Type.SPARSE_TENSORS;
      proto.sparseTensors = attribute.value.map((sparse) => sparseTensorToProto('', sparse));
      return;
    case 'opaque':
      return;
  }
}
