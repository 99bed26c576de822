/**
 * The client's side of the messages of ModelInfer and ModelMetadata, as bytes: for load generators, which frame and send
 * them on their own.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  GRPCInferenceService,
  ModelInferRequestSchema,
  ModelInferResponseSchema,
  ModelMetadataRequestSchema,
  ModelMetadataResponseSchema,
} from './gen/grpc_service_pb.ts';

export interface ClientTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
}

export interface ClientInfer {
  readonly model: string;
  readonly input: ClientTensor;
  /** The bytes of the input, little-endian; BYTES elements with their lengths before them. */
  readonly raw: Uint8Array;
  readonly output: string;
  /** The best k classes as text instead of the scores. */
  readonly classification?: number;
}

/** The HTTP/2 path of a method of Triton's GRPCInferenceService. */
export function methodPath(method: 'ModelInfer' | 'ModelMetadata'): string {
  return `/${GRPCInferenceService.typeName}/${method}`;
}

/** The bytes of a ModelInferRequest. */
export function encodeInferRequest({ model, input, raw, output, classification }: ClientInfer): Uint8Array {
  const parameters =
    classification === undefined
      ? {}
      : { classification: { parameterChoice: { case: 'int64Param' as const, value: BigInt(classification) } } };
  const message = create(ModelInferRequestSchema, {
    modelName: model,
    inputs: [{ name: input.name, datatype: input.datatype, shape: input.shape.map(BigInt) }],
    outputs: [{ name: output, parameters }],
    rawInputContents: [raw],
  });
  return toBinary(ModelInferRequestSchema, message);
}

/** The raw tensors of a ModelInferResponse. @throws Error if the bytes are none */
export function decodeInferResponse(bytes: Uint8Array): readonly Uint8Array[] {
  return fromBinary(ModelInferResponseSchema, bytes).rawOutputContents;
}

/** The bytes of a ModelMetadataRequest. */
export function encodeMetadataRequest(model: string): Uint8Array {
  return toBinary(ModelMetadataRequestSchema, create(ModelMetadataRequestSchema, { name: model }));
}

/** Inputs and outputs of a ModelMetadataResponse. @throws Error if the bytes are none */
export function decodeMetadataResponse(bytes: Uint8Array): { inputs: ClientTensor[]; outputs: ClientTensor[] } {
  const { inputs, outputs } = fromBinary(ModelMetadataResponseSchema, bytes);
  const tensor = ({ name, datatype, shape }: { name: string; datatype: string; shape: bigint[] }): ClientTensor => ({
    name,
    datatype,
    shape: shape.map(Number),
  });
  return { inputs: inputs.map(tensor), outputs: outputs.map(tensor) };
}

/** The elements of a raw BYTES tensor as text. */
export function textElements(raw: Uint8Array): string[] {
  const view = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
  const elements: string[] = [];
  for (let offset = 0; offset + 4 <= view.length; ) {
    const end = offset + 4 + view.readUInt32LE(offset);
    elements.push(view.toString('utf8', offset + 4, end));
    offset = end;
  }
  return elements;
}
