/**
 * The messages of ModelInfer to and from the data plane's requests and answers. Raw tensors are views of the message's
 * bytes. Answers always carry their tensors in `raw_output_contents`, as Triton's do.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import { SkeinError } from '../../base/index.ts';
import type { InferInput, InferRequest, InferResponse, RequestedOutput } from '../protocol.ts';
import { countParameter, type Parameters, refuseSharedMemory } from '../request-parameters.ts';
import { bytesOf } from '../tensor-bytes.ts';
import {
  type InferParameter,
  type InferTensorContents,
  type ModelInferRequest,
  type ModelInferRequest_InferInputTensor,
  type ModelInferResponse,
  ModelInferResponseSchema,
  type ModelStreamInferResponse,
  ModelStreamInferResponseSchema,
} from './gen/grpc_service_pb.ts';

export type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** The field of InferTensorContents for each datatype; the 16-bit floats have none and come as raw bytes only. */
const CONTENTS: Readonly<Record<string, keyof Omit<InferTensorContents, '$typeName' | '$unknown'>>> = {
  BOOL: 'boolContents',
  INT8: 'intContents',
  INT16: 'intContents',
  INT32: 'intContents',
  INT64: 'int64Contents',
  UINT8: 'uintContents',
  UINT16: 'uintContents',
  UINT32: 'uintContents',
  UINT64: 'uint64Contents',
  FP32: 'fp32Contents',
  FP64: 'fp64Contents',
  BYTES: 'bytesContents',
};

/** @throws SkeinError 'invalid-argument' or 'unsupported', naming what is off */
export function readInferMessage(message: ModelInferRequest): Writable<InferRequest> {
  const subject = `The request for model '${message.modelName}'`;
  const { rawInputContents: raw } = message;
  if (raw.length > 0 && raw.length !== message.inputs.length) {
    throw invalid(
      `${subject}: raw_input_contents must have one entry for each of the ${message.inputs.length} inputs, received ${raw.length}`,
    );
  }
  const parameters = plainParameters(message.parameters);
  const request: Writable<InferRequest> = {
    model: message.modelName,
    inputs: message.inputs.map((input, index) => readInput(input, raw[index], `${subject}: inputs[${index}]`)),
  };
  if (message.modelVersion !== '') request.version = message.modelVersion;
  if (message.id !== '') request.id = message.id;
  if (message.outputs.length > 0) {
    request.outputs = message.outputs.map(({ name, parameters }, index): RequestedOutput => {
      const where = `${subject}: outputs[${index}]`;
      const plain = plainParameters(parameters);
      refuseSharedMemory(plain, where);
      const classification = countParameter(plain, 'classification', where);
      return classification === undefined ? { name } : { name, classification };
    });
  }
  const priority = countParameter(parameters, 'priority', subject);
  if (priority !== undefined) request.priority = priority;
  const timeoutUs = countParameter(parameters, 'timeout', subject);
  if (timeoutUs !== undefined) request.timeoutUs = timeoutUs;
  return request;
}

function readInput(input: ModelInferRequest_InferInputTensor, raw: Uint8Array | undefined, where: string): InferInput {
  const { name, datatype, contents } = input;
  const parameters = plainParameters(input.parameters);
  refuseSharedMemory(parameters, where);
  const read = { name, datatype, shape: readShape(input.shape, where), ...(parameters && { parameters }) };
  if (raw !== undefined) {
    if (contents !== undefined) throw invalid(`${where} has 'contents' beside raw_input_contents: send one of them`);
    return { ...read, content: { raw } };
  }
  if (contents === undefined)
    throw invalid(`${where} has no data: send 'contents', or raw_input_contents for all inputs`);
  const field = CONTENTS[datatype];
  if (field === undefined) {
    throw invalid(`${where}: datatype '${datatype}' has no typed contents, send it in raw_input_contents`);
  }
  return { ...read, content: { values: contents[field] } };
}

function readShape(shape: readonly bigint[], where: string): number[] {
  return shape.map((size) => {
    const number = Number(size);
    if (Number.isSafeInteger(number)) return number;
    throw invalid(`${where}: a dimension of ${size} is beyond any tensor`);
  });
}

function plainParameters(parameters: Readonly<Record<string, InferParameter>>): Parameters | undefined {
  let plain: Record<string, unknown> | undefined;
  for (const name in parameters) {
    plain ??= {};
    plain[name] = parameters[name]?.parameterChoice.value;
  }
  return plain;
}

function inferMessage(response: InferResponse): ModelInferResponse {
  return create(ModelInferResponseSchema, {
    modelName: response.model,
    modelVersion: response.version,
    id: response.id ?? '',
    outputs: response.outputs.map(({ name, datatype, shape }) => ({ name, datatype, shape: shape.map(BigInt) })),
    rawOutputContents: response.outputs.map(({ data }) => bytesOf(data)),
  });
}

/** The answer as the bytes of a ModelInferResponse. */
export function encodeInferMessage(response: InferResponse): Uint8Array {
  return toBinary(ModelInferResponseSchema, inferMessage(response));
}

/** The answer as the bytes of a ModelStreamInferResponse. */
export function encodeStreamMessage(response: InferResponse): Uint8Array {
  const message: ModelStreamInferResponse = create(ModelStreamInferResponseSchema);
  message.inferResponse = inferMessage(response);
  return toBinary(ModelStreamInferResponseSchema, message);
}

/** A failure within a stream; the empty answer beside it carries the id of the request that failed. */
export function encodeStreamError(errorMessage: string, id: string): Uint8Array {
  return toBinary(
    ModelStreamInferResponseSchema,
    create(ModelStreamInferResponseSchema, { errorMessage, inferResponse: { id } }),
  );
}

function invalid(message: string): SkeinError {
  return new SkeinError('invalid-argument', message);
}
