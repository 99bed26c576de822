/**
 * The body of an inference request, JSON and the binary tensors behind it, as the data plane's InferRequest. Checked
 * here: that the fields have their types and that the bytes add up; whether shape, type and name fit the model is the
 * data plane's. Binary tensors are views of the body.
 */
import { SkeinError } from '../../base/index.ts';
import type { InferInput, InferRequest, ModelMetadata, RequestedOutput } from '../protocol.ts';
import {
  countParameter,
  flagParameter,
  type Parameters,
  received,
  refuseSharedMemory,
  type Writable,
} from '../request-parameters.ts';
import { expectArray, expectObject, expectString, parseJson } from './json-body.ts';

/** How the client wants its outputs written. */
export interface OutputForm {
  readonly binaryByDefault: boolean;
  /** What `binary_data` says of single outputs, by name. */
  readonly binary: ReadonlyMap<string, boolean> | undefined;
}

export interface InferCall {
  readonly request: Writable<InferRequest>;
  readonly form: OutputForm;
}

const ALL_BINARY: OutputForm = { binaryByDefault: true, binary: undefined };
const BYTES_LENGTH = 4;

/**
 * The value of `Inference-Header-Content-Length`.
 * @throws SkeinError 'invalid-argument' unless it is a number of bytes
 */
export function headerLengthOf(header: string | readonly string[] | undefined): number | undefined {
  if (header === undefined) return undefined;
  if (typeof header === 'string' && /^\d{1,15}$/.test(header)) return Number(header);
  throw new SkeinError(
    'invalid-argument',
    `Header 'Inference-Header-Content-Length' must be the length of the JSON in bytes, received '${header}'`,
  );
}

/**
 * @param headerLength bytes of JSON before the binary tensors; undefined: the body is all JSON
 * @throws SkeinError 'invalid-argument', naming the field that is off
 */
export function parseInferBody(
  model: string,
  version: string | undefined,
  body: Buffer,
  headerLength: number | undefined,
  maxDepth: number,
): InferCall {
  const subject = `The request for model '${model}'`;
  const jsonEnd = headerLength ?? body.length;
  if (jsonEnd > body.length) {
    throw new SkeinError(
      'invalid-argument',
      `${subject}: 'Inference-Header-Content-Length' is ${jsonEnd} but the body has only ${body.length} bytes`,
    );
  }
  const json = jsonEnd === body.length ? body : body.subarray(0, jsonEnd);
  const fields = expectObject(parseJson(json, maxDepth, subject), `${subject}: the JSON`);
  const parameters = optionalObject(fields.parameters, `${subject}: parameters`);
  const request: Writable<InferRequest> = {
    model,
    inputs: parseInputs(expectArray(fields.inputs, `${subject}: inputs`), body, jsonEnd, subject),
  };
  if (version !== undefined) request.version = version;
  if (fields.id !== undefined) request.id = expectString(fields.id, `${subject}: id`);
  const priority = countParameter(parameters, 'priority', subject);
  if (priority !== undefined) request.priority = priority;
  const timeoutUs = countParameter(parameters, 'timeout', subject);
  if (timeoutUs !== undefined) request.timeoutUs = timeoutUs;
  let binary: Map<string, boolean> | undefined;
  if (fields.outputs !== undefined) {
    binary = new Map();
    request.outputs = parseOutputs(expectArray(fields.outputs, `${subject}: outputs`), binary, subject);
  }
  const binaryByDefault = flagParameter(parameters, 'binary_data_output', subject) ?? false;
  return { request, form: { binaryByDefault, binary } };
}

function parseInputs(inputs: readonly unknown[], body: Buffer, jsonEnd: number, subject: string): InferInput[] {
  let at = jsonEnd;
  const parsed = inputs.map((value, index) => {
    const where = `${subject}: inputs[${index}]`;
    const fields = expectObject(value, where);
    const parameters = optionalObject(fields.parameters, `${where}.parameters`);
    const size = countParameter(parameters, 'binary_data_size', where);
    const input: Writable<InferInput> = {
      name: expectString(fields.name, `${where}.name`),
      datatype: expectString(fields.datatype, `${where}.datatype`),
      shape: parseShape(fields.shape, where),
      content: { raw: body },
    };
    if (parameters !== undefined) input.parameters = parameters;
    refuseSharedMemory(parameters, where);
    const data = fields.data;
    if (size === undefined) {
      if (data === undefined)
        throw invalid(`${where} must have 'data' or the parameter 'binary_data_size', it has neither`);
      input.content = { values: expectArray(data, `${where}.data`) };
      return input;
    }
    if (data !== undefined) throw invalid(`${where} must have 'data' or the parameter 'binary_data_size', it has both`);
    if (size > body.length - at) {
      throw invalid(`${where}: binary_data_size is ${size} but only ${body.length - at} bytes of the body are left`);
    }
    input.content = { raw: body.subarray(at, at + size) };
    at += size;
    return input;
  });
  if (at !== body.length) {
    throw invalid(`${subject}: the body has ${body.length - at} bytes that no input's 'binary_data_size' accounts for`);
  }
  return parsed;
}

function parseShape(value: unknown, where: string): readonly number[] {
  const shape = expectArray(value, `${where}.shape`);
  if (shape.every(Number.isSafeInteger)) return shape as readonly number[];
  throw invalid(`${where}.shape must be an array of integers, received ${received(value)}`);
}

function parseOutputs(outputs: readonly unknown[], binary: Map<string, boolean>, subject: string): RequestedOutput[] {
  return outputs.map((value, index) => {
    const where = `${subject}: outputs[${index}]`;
    const fields = expectObject(value, where);
    const parameters = optionalObject(fields.parameters, `${where}.parameters`);
    const name = expectString(fields.name, `${where}.name`);
    const flag = flagParameter(parameters, 'binary_data', where);
    if (flag !== undefined) binary.set(name, flag);
    refuseSharedMemory(parameters, where);
    const classification = countParameter(parameters, 'classification', where);
    return classification === undefined ? { name } : { name, classification };
  });
}

/**
 * A request that is nothing but the bytes of the one input, a batch of 1 (Triton's raw binary request). What the header
 * would have said comes from the model's metadata; every output is asked for as binary data.
 * @throws SkeinError 'invalid-argument' for a model that it cannot be worked out for
 */
export function rawInferCall(metadata: ModelMetadata, version: string | undefined, body: Buffer): InferCall {
  const [input, second] = metadata.inputs;
  if (input === undefined || second !== undefined) {
    throw invalid(
      `Model '${metadata.name}' has ${metadata.inputs.length} inputs: a raw request needs one with exactly 1`,
    );
  }
  const request: Writable<InferRequest> = { model: metadata.name, inputs: [] };
  if (version !== undefined) request.version = version;
  const { name, datatype } = input;
  if (datatype === 'BYTES') {
    const raw = Buffer.allocUnsafe(BYTES_LENGTH + body.length);
    raw.writeUInt32LE(body.length, 0);
    body.copy(raw, BYTES_LENGTH);
    request.inputs = [{ name, datatype, shape: input.shape.map(() => 1), content: { raw } }];
  } else {
    request.inputs = [{ name, datatype, shape: rawShape(metadata, body.length), content: { raw: body } }];
  }
  return { request, form: ALL_BINARY };
}

/** The metadata's shape with the batch dimension 1; of the others one may be variable and follows from the bytes. */
function rawShape(metadata: ModelMetadata, sizeBytes: number): readonly number[] {
  const { datatype = '', shape: declared = [] } = metadata.inputs[0] ?? {};
  const shape = declared.map((size, index) => (index === 0 && size < 0 ? 1 : size));
  const variable = shape.filter((size) => size < 0).length;
  if (variable === 0) return shape;
  const known = shape.reduce((product, size) => (size < 0 ? product : product * size), elementBytes(datatype));
  if (variable > 1 || known === 0 || sizeBytes % known !== 0) {
    throw invalid(
      `Model '${metadata.name}': shape [${declared}] of ${datatype} cannot be told from ${sizeBytes} bytes`,
    );
  }
  return shape.map((size) => (size < 0 ? sizeBytes / known : size));
}

function elementBytes(datatype: string): number {
  if (datatype === 'BOOL') return 1;
  const bits = Number(/\d+$/.exec(datatype)?.[0] ?? 0);
  return bits / 8;
}

function optionalObject(value: unknown, subject: string): Parameters | undefined {
  return value === undefined ? undefined : expectObject(value, subject);
}

function invalid(message: string): SkeinError {
  return new SkeinError('invalid-argument', message);
}
