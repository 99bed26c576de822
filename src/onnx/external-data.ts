/**
 * Tensors whose data lie in files beside the model. They are read when asked for; a file that has changed by then is
 * refused, since its offsets may mean something else. Nothing outside the model's folder is ever read.
 */
import { closeSync, openSync, readSync, realpathSync, type Stats, statSync } from 'node:fs';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { messageOf, SkeinError } from '../base/index.ts';
import type { StringStringEntryProto } from './gen/onnx_pb.ts';

export class ExternalData {
  readonly #folder: string | undefined;
  readonly #onFile: ((path: string) => void) | undefined;
  readonly #files = new Map<string, { path: string; stats: Stats }>();

  /**
   * @param folder where the model lies; undefined if it came as bytes alone
   * @param onFile gets each file once
   */
  constructor(folder: string | undefined, onFile?: (path: string) => void) {
    this.#folder = folder;
    this.#onFile = onFile;
  }

  /**
   * Checks the place of a tensor's data and gives what reads them.
   * @throws SkeinError 'not-found' without such a file, 'invalid-argument' outside the folder, 'corrupt' beyond its end
   */
  source(
    entries: readonly StringStringEntryProto[],
    expectedBytes: number | undefined,
    label: string,
  ): () => Uint8Array {
    const fields = new Map(entries.map(({ key, value }) => [key, value]));
    const location = fields.get('location');
    if (location === undefined || location === '' || expectedBytes === undefined) {
      throw new SkeinError('corrupt', `The ONNX ${label} has external data without a location`);
    }
    const offset = wholeNumber(fields.get('offset') ?? '0', 'offset', label);
    const length = wholeNumber(fields.get('length') ?? String(expectedBytes), 'length', label);
    if (length !== expectedBytes) {
      throw new SkeinError(
        'corrupt',
        `The ONNX ${label} needs ${expectedBytes} bytes, its external data have ${length}`,
      );
    }
    const file = this.#open(location, label);
    if (offset + length > file.stats.size) {
      throw new SkeinError(
        'corrupt',
        `The ONNX ${label} needs bytes ${offset} to ${offset + length} of '${location}', which has ${file.stats.size}`,
      );
    }
    return () => readPart(file, offset, length, label);
  }

  #open(location: string, label: string): { path: string; stats: Stats } {
    const known = this.#files.get(location);
    if (known !== undefined) return known;
    if (this.#folder === undefined) {
      throw new SkeinError(
        'invalid-argument',
        `The ONNX ${label} lies in the file '${location}': read the model from its folder, or give baseDir`,
      );
    }
    const outside = new SkeinError(
      'invalid-argument',
      `The ONNX ${label} may only lie in the model's folder, received the location '${location}'`,
    );
    // Backslashes would climb out of the folder on Windows, where the path is checked as POSIX.
    if (isAbsolute(location) || location.includes('\\')) throw outside;
    const path = resolve(this.#folder, location);
    if (!isInside(resolve(this.#folder), path)) throw outside;
    let file: { path: string; stats: Stats };
    try {
      const real = realpathSync(path);
      if (!isInside(realpathSync(this.#folder), real)) throw outside;
      file = { path: real, stats: statSync(real) };
    } catch (error) {
      if (error === outside) throw error;
      throw new SkeinError('not-found', `The ONNX ${label} needs the file '${path}': ${messageOf(error)}`, {
        cause: error,
      });
    }
    if (!file.stats.isFile()) throw outside;
    this.#files.set(location, file);
    this.#onFile?.(file.path);
    return file;
  }
}

function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

function wholeNumber(text: string, what: string, label: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new SkeinError('corrupt', `The ONNX ${label} has external data with the impossible ${what} '${text}'`);
}

function readPart(file: { path: string; stats: Stats }, offset: number, length: number, label: string): Uint8Array {
  const descriptor = openSync(file.path, 'r');
  try {
    const now = statSync(file.path);
    if (now.size !== file.stats.size || now.mtimeMs !== file.stats.mtimeMs || now.ino !== file.stats.ino) {
      throw new SkeinError(
        'unavailable',
        `The file '${file.path}' has changed since the model was loaded: load the model again`,
      );
    }
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const count = readSync(descriptor, bytes, done, Math.min(2 ** 30, length - done), offset + done);
      if (count === 0) throw new SkeinError('corrupt', `The ONNX ${label} ends early in '${file.path}'`);
      done += count;
    }
    return bytes;
  } finally {
    closeSync(descriptor);
  }
}
