/**
 * `.skz`: a model whose weights are few different values, most of them zero, in as few bytes as that takes (Han et al.
 * 2016). It is exact: decoding gives every initializer bit for bit. docs/skz-format.md describes the format to the bit.
 */
import { createHash } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { messageOf, SkeinError } from '../../base/index.ts';
import { type Model, Tensor } from '../../graph/index.ts';
import { parseOnnx, serializeModel } from '../onnx-bytes.ts';
import { FieldReader, FieldWriter } from './byte-fields.ts';
import { type CodedSize, decodeTensor, encodeTensor, MOST_INDEX_BITS } from './coded-tensor.ts';
import { readRecord, type TensorRecord, writeRecord } from './tensor-record.ts';

const MAGIC = Uint8Array.of(0x89, 0x53, 0x4b, 0x5a);
const VERSION = 1;
/** Magic and version; then the checksum of everything else. */
const CHECKSUM_AT = 8;
const CHECKSUM_BYTES = 32;
const CONTENT_AT = CHECKSUM_AT + CHECKSUM_BYTES;
/** Three lengths. */
const CONTENT_FIELDS = 12;
/** What DEFLATE makes of a byte at most. */
const LARGEST_INFLATION = 1032;
/** What a decoded model may have, since an ONNX file cannot hold more. */
const LARGEST_DECODED = 2 ** 31 - 1;

export interface SkzOptions {
  /** Bits of a position of the initializer, 1 to 8; 8 unless told. */
  readonly indexBits?: (name: string) => number;
}

/** One coded tensor in a file. */
export interface SkzTensor extends CodedSize {
  readonly name: string;
  readonly dims: readonly number[];
  readonly elements: number;
  /** All that the file has of it: shape, codebook, code tables, streams. */
  readonly bytes: number;
}

export interface EncodedSkz {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The tensors that are coded, in the order of the model; the others lie in the ONNX part as they are. */
  readonly tensors: readonly SkzTensor[];
}

/** Whether these are the bytes of a `.skz` file, as far as its first four say. */
export function isSkz(bytes: Uint8Array): boolean {
  return bytes.length >= MAGIC.length && MAGIC.every((byte, i) => bytes[i] === byte);
}

/**
 * A model as a `.skz` file: every float32 initializer that is smaller so is coded.
 * @throws SkeinError 'invalid-argument' for bits that there are not, 'too-large' as serializeModel does
 */
export function encodeSkz(model: Model, { indexBits = () => 8 }: SkzOptions = {}): EncodedSkz {
  const initializers = new Map(model.graph.initializers);
  const tensors: SkzTensor[] = [];
  const records = new FieldWriter();
  for (const [name, tensor] of model.graph.initializers) {
    if (tensor.dtype !== 'float32' || !fitsRecord(name, tensor)) continue;
    const coded = encodeTensor(bitsOf(tensor), checkedBits(indexBits(name), name));
    if (coded === undefined) continue;
    const record = new FieldWriter();
    writeRecord(record, { name, dims: tensor.dims, tensor: coded.tensor });
    if (record.byteLength >= tensor.size * 4) continue;
    for (const chunk of record.chunks) records.bytes(chunk);
    initializers.set(name, new Tensor('float32', [0], new Uint8Array(0), tensor.rest));
    tensors.push({ name, dims: tensor.dims, elements: tensor.size, bytes: record.byteLength, ...coded.size });
  }
  const onnx = serializeModel({ ...model, graph: { ...model.graph, initializers } });
  const content = new FieldWriter();
  const deflated = deflateRawSync(onnx, { level: 9 });
  content.number(deflated.length, 4);
  content.number(onnx.length, 4);
  content.number(tensors.length, 4);
  content.bytes(deflated);
  for (const chunk of records.chunks) content.bytes(chunk);
  return { bytes: withHeader(content), tensors };
}

function checkedBits(bits: number, name: string): number {
  if (Number.isInteger(bits) && bits >= 1 && bits <= MOST_INDEX_BITS) return bits;
  throw new SkeinError(
    'invalid-argument',
    `Positions of '${name}' must have 1 to ${MOST_INDEX_BITS} bits, received ${bits}`,
  );
}

/** The fields for name and rank end somewhere. */
function fitsRecord(name: string, { dims }: Tensor): boolean {
  return dims.length < 2 ** 8 && new TextEncoder().encode(name).length < 2 ** 16;
}

function withHeader(content: FieldWriter): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(CONTENT_AT + content.byteLength);
  bytes.set(MAGIC);
  bytes[MAGIC.length] = VERSION;
  let at = CONTENT_AT;
  for (const chunk of content.chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  bytes.set(checksumOf(bytes), CHECKSUM_AT);
  return bytes;
}

function bitsOf(tensor: Tensor): Uint32Array {
  const { buffer, byteOffset, length } = tensor.float32s();
  return new Uint32Array(buffer, byteOffset, length);
}

/** SHA-256 of everything but itself. */
function checksumOf(bytes: Uint8Array): Uint8Array {
  const hash = createHash('sha256').update(bytes.subarray(0, CHECKSUM_AT)).update(bytes.subarray(CONTENT_AT));
  return hash.digest();
}

/**
 * The model of a `.skz` file. Its checksum and fields are checked; a tensor's streams are decoded when its elements are
 * asked for, which throws 'corrupt' where a writer made them wrong.
 * @throws SkeinError 'corrupt', 'unsupported' for a later version
 */
export function decodeSkz(bytes: Uint8Array): Model {
  if (!isSkz(bytes)) throw corrupt('its first bytes are not those of a .skz file');
  if (bytes.length < CONTENT_AT + CONTENT_FIELDS) throw corrupt(`it has only ${bytes.length} bytes`);
  const expected = bytes.subarray(CHECKSUM_AT, CONTENT_AT);
  if (!checksumOf(bytes).every((byte, i) => byte === expected[i])) {
    throw corrupt('its checksum does not fit its content; it was truncated or changed: fetch it again');
  }
  const version = new FieldReader(bytes, MAGIC.length).number(4);
  if (version !== VERSION) {
    throw new SkeinError(
      'unsupported',
      `The .skz file is of version ${version}, this Skein reads version ${VERSION}: take a later Skein`,
    );
  }
  const fields = new FieldReader(bytes, CONTENT_AT);
  let model: Model;
  let records: TensorRecord[];
  try {
    const [length, inflated, count] = [fields.number(4), fields.number(4), fields.number(4)];
    model = parseOnnx(inflate(fields.bytes(length), inflated));
    // A record has 20 bytes at least: no list is made that the file cannot fill.
    if (count > fields.left / 20) throw new Error(`${fields.left} bytes cannot hold ${count} tensors`);
    records = Array.from({ length: count }, () => readRecord(fields));
    if (fields.left > 0) throw new Error(`${fields.left} bytes are behind its last tensor`);
  } catch (error) {
    throw corrupt(messageOf(error), error);
  }
  return withTensors(model, records);
}

/** @throws Error where that is not `size` bytes */
function inflate(deflated: Uint8Array, size: number): Uint8Array {
  if (size > Math.min(LARGEST_DECODED, LARGEST_INFLATION * deflated.length)) {
    throw new Error(`its ONNX part cannot have ${size} bytes`);
  }
  // With the information comes how much of the input was used; the types do not know of it.
  const { buffer, engine } = inflateRawSync(deflated, {
    maxOutputLength: Math.max(size, 1),
    info: true,
  }) as unknown as {
    readonly buffer: Uint8Array;
    readonly engine: { readonly bytesWritten: number };
  };
  if (buffer.length === size && engine.bytesWritten === deflated.length) return buffer;
  throw new Error('its ONNX part has another length than it says');
}

function withTensors(model: Model, records: readonly TensorRecord[]): Model {
  const initializers = new Map(model.graph.initializers);
  const coded = new Set<string>();
  let decodedBytes = 0;
  for (const record of records) {
    const { name, dims } = record;
    const place = model.graph.initializers.get(name);
    if (place?.dtype !== 'float32' || place.size > 0 || coded.has(name)) {
      throw corrupt(`its model has no place for the tensor '${name}'`);
    }
    coded.add(name);
    decodedBytes += dims.reduce((product, dim) => product * dim, 4);
    if (!(decodedBytes <= LARGEST_DECODED)) throw corrupt(`its tensors would take more than ${LARGEST_DECODED} bytes`);
    initializers.set(name, new Tensor('float32', dims, remembered(record), place.rest));
  }
  return { ...model, graph: { ...model.graph, initializers } };
}

/** Decodes when asked, and again only once nobody holds what was decoded before. */
function remembered({ name, dims, tensor }: TensorRecord): () => Uint8Array {
  let known: WeakRef<Uint8Array> | undefined;
  return () => {
    let bytes = known?.deref();
    if (bytes === undefined) {
      try {
        const elements = dims.reduce((product, dim) => product * dim, 1);
        bytes = new Uint8Array(decodeTensor(tensor, elements).buffer);
      } catch (error) {
        throw corrupt(`tensor '${name}': ${messageOf(error)}`, error);
      }
      known = new WeakRef(bytes);
    }
    return bytes;
  };
}

function corrupt(why: string, cause?: unknown): SkeinError {
  return new SkeinError('corrupt', `The .skz file is damaged: ${why}`, { cause });
}
