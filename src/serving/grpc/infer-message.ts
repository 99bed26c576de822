/**
 * ModelInferRequest as the data plane's request, by way of the generated message: parameters, typed contents and all
 * that infer-wire.ts leaves; and the message of a failure within a stream.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import { SkeinError } from '../../base/index.ts';
import type { InferInput, InferRequest, RequestedOutput } from '../protocol.ts';
import {
  countParameter,
  flagParameter,
  type Parameters,
  refuseSharedMemory,
  type Writable,
} from '../request-parameters.ts';
import { decodeMessage } from './decode-message.ts';
import {
  type InferParameter,
  type InferTensorContents,
  type ModelInferRequest,
  type ModelInferRequest_InferInputTensor,
  ModelInferRequestSchema,
  ModelStreamInferResponseSchema,
} from './gen/grpc_service_pb.ts';
import { readInferWire } from './infer-wire.ts';

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

/**
 * Triton's parameter of requests in a stream: their last answer shall say so, with `triton_final_response`. A model that
 * gives one answer gives no empty one behind it.
 */
const WANTS_FINAL = 'triton_enable_empty_final_response';

export interface GrpcInferRequest extends InferRequest {
  /** Within a stream: whether the answer shall say that it is the last one to its request. */
  readonly wantsFinal?: boolean;
}

/**
 * The request in the bytes of a ModelInferRequest; its raw tensors are views of them.
 * @throws SkeinError 'invalid-argument' or 'unsupported', naming what is off
 */
export function readInferRequest(bytes: Buffer): Writable<GrpcInferRequest> {
  return readInferWire(bytes) ?? readInferMessage(decodeMessage(ModelInferRequestSchema, bytes));
}

export function readInferMessage(message: ModelInferRequest): Writable<GrpcInferRequest> {
  const subject = `The request for model '${message.modelName}'`;
  const { rawInputContents: raw } = message;
  if (raw.length > 0 && raw.length !== message.inputs.length) {
    throw invalid(
      `${subject}: raw_input_contents must have one entry for each of the ${message.inputs.length} inputs, received ${raw.length}`,
    );
  }
  const parameters = plainParameters(message.parameters);
  const request: Writable<GrpcInferRequest> = {
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
  if (flagParameter(parameters, WANTS_FINAL, subject)) request.wantsFinal = true;
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

const FINAL = { triton_final_response: { parameterChoice: { case: 'boolParam' as const, value: true } } };

/** A failure within a stream; the empty answer beside it carries the id of the request that failed. */
export function encodeStreamError(errorMessage: string, id: string, final: boolean): Uint8Array {
  const inferResponse = { id, ...(final ? { parameters: FINAL } : {}) };
  return toBinary(
    ModelStreamInferResponseSchema,
    create(ModelStreamInferResponseSchema, { errorMessage, inferResponse }),
  );
}

/** The bytes of a ModelStreamInferResponse, with the mark of the last answer to its request put to it. */
export function markFinal(message: Uint8Array): Uint8Array {
  // Messages that stand one behind the other are read as one.
  const mark = create(ModelStreamInferResponseSchema, { inferResponse: { parameters: FINAL } });
  return Buffer.concat([message, toBinary(ModelStreamInferResponseSchema, mark)]);
}

function invalid(message: string): SkeinError {
  return new SkeinError('invalid-argument', message);
}
