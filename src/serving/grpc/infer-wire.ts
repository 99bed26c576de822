/**
 * The two messages of ModelInfer straight from and to their bytes (protobuf's encoding), for requests that hold what
 * nearly all do: names in ASCII, shapes and raw tensors. It makes no objects but the request; by way of generated messages is
 * read whatever else there is: parameters, typed contents, unknown fields, and every fault.
 */
import type { InferInput, InferOutput, InferRequest, InferResponse, RequestedOutput } from '../protocol.ts';
import type { Writable } from '../request-parameters.ts';
import { bytesOf } from '../tensor-bytes.ts';

const EMPTY = new Uint8Array(0);
/** A varint of at most seven bytes is below 2^49 and exact as a number. */
const LONGEST_VARINT = 7;

/** Reads fields one after another; `ok` turns false at the first thing that is not plain. */
class Reader {
  readonly #bytes: Buffer;
  #at: number;
  readonly #end: number;
  ok = true;

  constructor(bytes: Buffer, at: number, end: number) {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
  }

  get more(): boolean {
    return this.ok && this.#at < this.#end;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < LONGEST_VARINT && this.#at < this.#end; count++) {
      const byte = this.#bytes[this.#at++] as number;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    this.ok = false;
    return 0;
  }

  /** Moves over a length and what it counts, and returns where that begins. */
  #skip(): number {
    const length = this.varint();
    const start = this.#at;
    if (length > this.#end - start) this.ok = false;
    else this.#at += length;
    return start;
  }

  /** ASCII only: what is beyond has to be checked for being UTF-8. */
  text(): string {
    const start = this.#skip();
    for (let at = start; at < this.#at; at++) {
      if ((this.#bytes[at] as number) >= 0x80) this.ok = false;
    }
    return this.#bytes.toString('latin1', start, this.#at);
  }

  view(): Uint8Array {
    const start = this.#skip();
    return this.#bytes.subarray(start, this.#at);
  }

  message(): Reader {
    const start = this.#skip();
    return new Reader(this.#bytes, start, this.ok ? this.#at : start);
  }
}

/** Field numbers with wire type 2, as they stand before each field of the messages. */
const field = (number: number): number => (number << 3) | 2;

/** The request in a ModelInferRequest; undefined where it has to be read as a generated message. */
export function readInferWire(bytes: Buffer): Writable<InferRequest> | undefined {
  const reader = new Reader(bytes, 0, bytes.length);
  const request: Writable<InferRequest> = { model: '', inputs: [] };
  const inputs: Writable<InferInput>[] = [];
  const outputs: RequestedOutput[] = [];
  const raw: Uint8Array[] = [];
  while (reader.more) {
    const tag = reader.varint();
    if (tag === field(1)) request.model = reader.text();
    else if (tag === field(2)) request.version = reader.text();
    else if (tag === field(3)) request.id = reader.text();
    else if (tag === field(5)) {
      const input = readTensor(reader.message());
      if (input === undefined) return undefined;
      inputs.push(input);
    } else if (tag === field(6)) {
      const output = readOutput(reader.message());
      if (output === undefined) return undefined;
      outputs.push(output);
    } else if (tag === field(7)) raw.push(reader.view());
    else return undefined;
  }
  if (!reader.ok || raw.length === 0 || raw.length !== inputs.length) return undefined;
  for (let index = 0; index < raw.length; index++) {
    (inputs[index] as Writable<InferInput>).content = { raw: raw[index] as Uint8Array };
  }
  request.inputs = inputs;
  if (outputs.length > 0) request.outputs = outputs;
  if (request.version === '') delete request.version;
  if (request.id === '') delete request.id;
  return request;
}

function readTensor(reader: Reader): Writable<InferInput> | undefined {
  let name = '';
  let datatype = '';
  const shape: number[] = [];
  while (reader.more) {
    const tag = reader.varint();
    if (tag === field(1)) name = reader.text();
    else if (tag === field(2)) datatype = reader.text();
    else if (tag === field(3)) {
      const sizes = reader.message();
      while (sizes.more) shape.push(sizes.varint());
      if (!sizes.ok) return undefined;
    } else return undefined;
  }
  return reader.ok ? { name, datatype, shape, content: { raw: EMPTY } } : undefined;
}

function readOutput(reader: Reader): RequestedOutput | undefined {
  let name = '';
  while (reader.more) {
    if (reader.varint() !== field(1)) return undefined;
    name = reader.text();
  }
  return reader.ok ? { name } : undefined;
}

function varintBytes(value: number): number {
  let count = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) count++;
  return count;
}

/** Bytes of a field with a length before its content. */
function fieldBytes(contentBytes: number): number {
  return 1 + varintBytes(contentBytes) + contentBytes;
}

class Writer {
  readonly bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at: number) {
    this.bytes = bytes;
    this.#at = at;
  }

  varint(value: number): void {
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.bytes[this.#at++] = (rest % 128) | 0x80;
    this.bytes[this.#at++] = rest;
  }

  begin(number: number, contentBytes: number): void {
    this.bytes[this.#at++] = field(number);
    this.varint(contentBytes);
  }

  text(number: number, text: string, textBytes: number): void {
    if (textBytes === 0) return;
    this.begin(number, textBytes);
    this.#at += this.bytes.write(text, this.#at);
  }

  raw(number: number, bytes: Uint8Array): void {
    this.begin(number, bytes.byteLength);
    this.bytes.set(bytes, this.#at);
    this.#at += bytes.byteLength;
  }
}

const textBytes = (text: string): number => (text === '' ? 0 : fieldBytes(Buffer.byteLength(text)));
const shapeBytes = (shape: readonly number[]): number => shape.reduce((sum, size) => sum + varintBytes(size), 0);

function outputBytes({ name, datatype, shape }: InferOutput): number {
  const sizes = shapeBytes(shape);
  return textBytes(name) + textBytes(datatype) + (sizes === 0 ? 0 : fieldBytes(sizes));
}

/** The field of InferParameter that holds a string. */
const STRING_PARAM = 3;

/** Of an entry of the map of parameters. */
function parameterBytes([name, value]: readonly [string, string]): number {
  return textBytes(name) + fieldBytes(textBytes(value));
}

/**
 * The answer as the bytes of a ModelInferResponse, its tensors in `raw_output_contents`, as Triton's are.
 * @param prefix bytes left free before the message
 */
export function encodeInferWire(response: InferResponse, prefix = 0): Buffer {
  const { model, version, id = '', parameters, outputs } = response;
  const said = parameters === undefined ? [] : Object.entries(parameters);
  const tensors = outputs.map(({ data }) => bytesOf(data));
  let size = prefix + textBytes(model) + textBytes(version) + textBytes(id);
  for (const parameter of said) size += fieldBytes(parameterBytes(parameter));
  for (const output of outputs) size += fieldBytes(outputBytes(output));
  for (const tensor of tensors) size += fieldBytes(tensor.byteLength);
  const writer = new Writer(Buffer.allocUnsafe(size), prefix);
  writer.text(1, model, Buffer.byteLength(model));
  writer.text(2, version, Buffer.byteLength(version));
  writer.text(3, id, Buffer.byteLength(id));
  for (const parameter of said) {
    const [name, value] = parameter;
    writer.begin(4, parameterBytes(parameter));
    writer.text(1, name, Buffer.byteLength(name));
    writer.begin(2, textBytes(value));
    writer.text(STRING_PARAM, value, Buffer.byteLength(value));
  }
  for (const output of outputs) {
    const { name, datatype, shape } = output;
    writer.begin(5, outputBytes(output));
    writer.text(1, name, Buffer.byteLength(name));
    writer.text(2, datatype, datatype.length);
    if (shape.length > 0) {
      writer.begin(3, shapeBytes(shape));
      for (const dimension of shape) writer.varint(dimension);
    }
  }
  for (const tensor of tensors) writer.raw(6, tensor);
  return writer.bytes;
}

/** The answer as the bytes of a ModelStreamInferResponse. */
export function encodeStreamWire(response: InferResponse): Buffer {
  const bytes = encodeInferWire(response, 0);
  const writer = new Writer(Buffer.allocUnsafe(fieldBytes(bytes.length)), 0);
  writer.raw(2, bytes);
  return writer.bytes;
}
