/** ONNX files: reading, and writing so that a full disk or a crash never leaves half a model. */
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { asSkeinError, messageOf, type PendingFile, SkeinError, writePending } from '../base/index.ts';
import type { Graph, Model, Tensor } from '../graph/index.ts';
import { ExternalData } from './external-data.ts';
import { modelFromProto } from './from-proto.ts';
import { type ModelProto, ModelProtoSchema } from './gen/onnx_pb.ts';
import type { PlaceOutside } from './tensor-proto.ts';
import { modelToProto } from './to-proto.ts';

/** protobuf ends at 2 GiB. */
const LARGEST_MODEL = 2 ** 31 - 1;
/** Offsets at page boundaries let runtimes map the file into memory. */
const ALIGNMENT = 4096;

export interface ParseOptions {
  /** Folder against which the locations of external data count. */
  readonly baseDir?: string;
}

export interface WriteOptions {
  /** Puts large initializers into a second file beside the model. */
  readonly externalData?: {
    /** Its name; that of the model with `.data` after it unless told. */
    readonly file?: string;
    /** Initializers from this many bytes on; 1024 unless told. */
    readonly thresholdBytes?: number;
  };
}

/**
 * A model from the bytes of an ONNX file. The bytes are referred to, not copied: do not change them afterwards.
 * @throws SkeinError 'corrupt' if they are truncated or no ONNX, 'not-found' or 'invalid-argument' for bad external data
 */
export function parseModel(bytes: Uint8Array, options: ParseOptions = {}): Model {
  let proto: ModelProto;
  try {
    // A plain view: a Buffer's methods differ.
    proto = fromBinary(ModelProtoSchema, new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch (error) {
    throw new SkeinError('corrupt', `The file is truncated or no ONNX model: ${messageOf(error)}`, { cause: error });
  }
  try {
    return modelFromProto(proto, new ExternalData(options.baseDir));
  } catch (error) {
    throw asSkeinError(error, 'corrupt', 'The file is no ONNX model');
  }
}

/** Reads an ONNX file, its external data on demand. @throws SkeinError as `parseModel`, with the path in the message */
export async function readModel(path: string): Promise<Model> {
  let bytes: Uint8Array;
  try {
    const { size } = await stat(path);
    if (size > LARGEST_MODEL) {
      throw new SkeinError('corrupt', `it has ${size} bytes, and no ONNX model above 2 GB can be (external data can)`);
    }
    bytes = await readFile(path);
  } catch (error) {
    if (error instanceof SkeinError) throw new SkeinError(error.code, `Cannot read model '${path}': ${error.message}`);
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const why = missing ? 'there is no such file' : messageOf(error);
    throw new SkeinError(missing ? 'not-found' : 'unavailable', `Cannot read model '${path}': ${why}`, {
      cause: error,
    });
  }
  try {
    return parseModel(bytes, { baseDir: dirname(resolve(path)) });
  } catch (error) {
    const known = asSkeinError(error, 'corrupt');
    throw new SkeinError(known.code, `Cannot read model '${path}': ${known.message}`, { cause: error });
  }
}

/** The bytes of an ONNX file with everything inside. @throws SkeinError 'too-large' above 2 GB */
export function serializeModel(model: Model): Uint8Array<ArrayBuffer> {
  const size = initializerBytes(model.graph);
  if (size > LARGEST_MODEL) {
    throw new SkeinError(
      'too-large',
      `The model has ${size} bytes of initializers, an ONNX file holds 2 GB at most: write it with external data`,
    );
  }
  return toBinary(ModelProtoSchema, modelToProto(model));
}

function initializerBytes(graph: Graph): number {
  let bytes = 0;
  for (const tensor of graph.initializers.values()) bytes += tensor.byteLength ?? 0;
  return bytes;
}

/**
 * Writes an ONNX file, atomically: at every moment `path` holds the old model or the new one. Everything goes inside, also
 * what lay in external data, unless told. With external data the data file is renamed just before the model, so a crash
 * between the two can leave the old model with new data.
 * @throws SkeinError with the path in its message: 'too-large' above 2 GB, as writePending where the system refuses
 */
export async function writeModel(model: Model, path: string, options: WriteOptions = {}): Promise<void> {
  const pending: PendingFile[] = [];
  try {
    if (options.externalData === undefined) {
      pending.push(await writePending(path, [serializeModel(model)]));
    } else {
      const file = options.externalData.file ?? `${basename(path)}.data`;
      if (basename(file) !== file) {
        throw new SkeinError(
          'invalid-argument',
          `External data must lie beside the model, received the file '${file}'`,
        );
      }
      const threshold = options.externalData.thresholdBytes ?? 1024;
      const { place, chunks } = layOut(model.graph, file, threshold);
      pending.push(await writePending(join(dirname(path), file), chunks()));
      pending.push(await writePending(path, [toBinary(ModelProtoSchema, modelToProto(model, place))]));
    }
    for (const each of pending) await each.commit();
  } catch (error) {
    for (const each of pending) await each.discard();
    const known = asSkeinError(error, 'unavailable');
    if (known.message.startsWith('Cannot write ')) throw known;
    throw new SkeinError(known.code, `Cannot write model '${path}': ${known.message}`, { cause: error });
  }
}

/** Which initializers go where in the data file, and its content. */
function layOut(
  graph: Graph,
  file: string,
  threshold: number,
): { place: PlaceOutside; chunks: () => Iterable<Uint8Array> } {
  const places = new Map<Tensor, { location: string; offset: number; length: number }>();
  let end = 0;
  for (const tensor of graph.initializers.values()) {
    const length = tensor.byteLength;
    if (length === undefined || length < threshold || length === 0 || places.has(tensor)) continue;
    const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
    places.set(tensor, { location: file, offset, length });
    end = offset + length;
  }
  function* chunks(): Iterable<Uint8Array> {
    let written = 0;
    for (const [tensor, { offset, length }] of places) {
      if (offset > written) yield new Uint8Array(offset - written);
      yield tensor.bytes;
      written = offset + length;
    }
  }
  return { place: (_, tensor) => places.get(tensor), chunks };
}
