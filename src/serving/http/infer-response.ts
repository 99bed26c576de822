/**
 * The answer to an inference request as bytes: JSON, with the tensors inside it or, where the client asked for binary
 * data, behind it in the order of the outputs. The host is little-endian, as the wire is.
 *
 * JSON has no NaN or Infinity: such a score is written as null (which NumPy reads as NaN into a float array). Whoever
 * needs to tell them apart asks for binary data.
 */
import type { InferOutput, InferResponse } from '../protocol.ts';
import { bytesOf } from '../tensor-bytes.ts';
import type { OutputForm } from './infer-request.ts';

export interface EncodedResponse {
  readonly body: Buffer;
  /** Bytes of JSON before the binary tensors; undefined where there are none. */
  readonly headerLength: number | undefined;
}

export function encodeInferResponse(response: InferResponse, form: OutputForm): EncodedResponse {
  const { outputs } = response;
  let json = `{"model_name":${quoted(response.model)},"model_version":${quoted(response.version)}`;
  if (response.id !== undefined && response.id !== '') json += `,"id":${quoted(response.id)}`;
  if (response.parameters !== undefined) json += `,"parameters":${JSON.stringify(response.parameters)}`;
  json += ',"outputs":[';
  const binary: Uint8Array[] = [];
  let binaryBytes = 0;
  let hasBinary = false;
  for (let index = 0; index < outputs.length; index++) {
    const output = outputs[index] as InferOutput;
    json += `${index === 0 ? '' : ','}{"name":${quoted(output.name)},"datatype":"${output.datatype}","shape":[${output.shape}]`;
    if (form.binary?.get(output.name) ?? form.binaryByDefault) {
      const bytes = bytesOf(output.data);
      hasBinary = true;
      binary.push(bytes);
      binaryBytes += bytes.byteLength;
      json += `,"parameters":{"binary_data_size":${bytes.byteLength}}}`;
    } else {
      json += `,"data":${jsonOf(output.data)}}`;
    }
  }
  json += ']}';
  if (!hasBinary) return { body: Buffer.from(json), headerLength: undefined };
  const headerLength = Buffer.byteLength(json);
  const body = Buffer.allocUnsafe(headerLength + binaryBytes);
  body.write(json, 0);
  let at = headerLength;
  for (const bytes of binary) {
    body.set(bytes, at);
    at += bytes.byteLength;
  }
  return { body, headerLength };
}

const PLAIN = /^[\w .:/+-]*$/;

function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}

function jsonOf(data: InferOutput['data']): string {
  return JSON.stringify(data instanceof Float32Array ? Array.from(data) : data);
}
