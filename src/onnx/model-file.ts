/** Model files, ONNX and `.skz`: reading, and writing so that a full disk or a crash never leaves half a model. */
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { toBinary } from '@bufbuild/protobuf';
import { asSkeinError, messageOf, type PendingFile, SkeinError, writePending } from '../base/index.ts';
import type { Graph, Model, Tensor } from '../graph/index.ts';
import { ModelProtoSchema } from './gen/onnx_pb.ts';
import { LARGEST_MODEL, type ParseOptions, parseOnnx, serializeModel } from './onnx-bytes.ts';
import { decodeSkz, encodeSkz, isSkz, type SkzOptions } from './skz/index.ts';
import type { PlaceOutside } from './tensor-proto.ts';
import { modelToProto } from './to-proto.ts';

/** Offsets at page boundaries let runtimes map the file into memory. */
const ALIGNMENT = 4096;

/** What files of models are called. */
export const MODEL_EXTENSIONS: readonly string[] = ['.onnx', '.skz'];

export interface WriteOptions {
  /** Puts large initializers into a second file beside the model. */
  readonly externalData?: {
    /** Its name; that of the model with `.data` after it unless told. */
    readonly file?: string;
    /** Initializers from this many bytes on; 1024 unless told. */
    readonly thresholdBytes?: number;
  };
  /** How a `.skz` file is coded. */
  readonly skz?: SkzOptions;
}

/** Whether a file's name is that of a model. */
export function isModelFile(name: string): boolean {
  return MODEL_EXTENSIONS.includes(extname(name));
}

/**
 * A model from the bytes of an ONNX or `.skz` file. The bytes are referred to, not copied: do not change them afterwards.
 * @throws SkeinError 'corrupt' if they are truncated or neither, 'not-found' or 'invalid-argument' for bad external data
 */
export function parseModel(bytes: Uint8Array, options: ParseOptions = {}): Model {
  return isSkz(bytes) ? decodeSkz(bytes) : parseOnnx(bytes, options);
}

/** Reads an ONNX or `.skz` file, external and coded data on demand. @throws SkeinError as `parseModel`, with the path in the message */
export function readModel(path: string): Promise<Model> {
  return read(path);
}

/** The files beside an ONNX file that hold data of it. @throws SkeinError as `readModel` */
export async function dataFilesOf(path: string): Promise<string[]> {
  const files: string[] = [];
  await read(path, (file) => void files.push(file));
  return files;
}

async function read(path: string, onDataFile?: (file: string) => void): Promise<Model> {
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
    return parseModel(bytes, { ...(onDataFile && { onDataFile }), baseDir: dirname(resolve(path)) });
  } catch (error) {
    const known = asSkeinError(error, 'corrupt');
    throw new SkeinError(known.code, `Cannot read model '${path}': ${known.message}`, { cause: error });
  }
}

/**
 * Writes a model file, `.skz` where the path ends so and ONNX everywhere else, atomically: at every moment `path` holds the old model or the new one. Everything goes inside, also
 * what lay in external data, unless told. With external data the data file is renamed just before the model, so a crash
 * between the two can leave the old model with new data.
 * @throws SkeinError with the path in its message: 'too-large' above 2 GB, as writePending where the system refuses
 */
export async function writeModel(model: Model, path: string, options: WriteOptions = {}): Promise<void> {
  const pending: PendingFile[] = [];
  try {
    if (extname(path) === '.skz') {
      if (options.externalData !== undefined) {
        throw new SkeinError('invalid-argument', 'A .skz file holds everything itself: write it without external data');
      }
      pending.push(await writePending(path, [encodeSkz(model, options.skz).bytes]));
    } else if (options.externalData === undefined) {
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
