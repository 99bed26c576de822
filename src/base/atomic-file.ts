/**
 * Writes a file so that it is never half there: into a temporary file beside it, flushed to the disk, then renamed. A
 * full disk or a crash leaves the old file whole.
 */

import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeError } from './writable-folder.ts';

/** One `write` call takes no more than 2^31 − 1 bytes on Linux. */
const LARGEST_WRITE = 2 ** 30;

/** A file that is written but does not bear its name yet. */
export interface PendingFile {
  /** Gives it its name, over what was there. */
  commit(): Promise<void>;
  /** Removes it. */
  discard(): Promise<void>;
}

/**
 * Writes the chunks beside `path` and flushes them. What fails leaves nothing behind.
 * @throws SkeinError that says what to do where the system refuses
 */
export async function writePending(path: string, chunks: Iterable<Uint8Array>): Promise<PendingFile> {
  const temporary = `${path}.${randomUUID().slice(0, 8)}.tmp`;
  const discard = () => rm(temporary, { force: true });
  const refuse = (error: unknown): never => {
    throw writeError(path, error);
  };
  const file = await open(temporary, 'wx').catch(refuse);
  try {
    for (const chunk of chunks) await writeAll(file, chunk);
    await file.sync();
    await file.close();
  } catch (error) {
    await file.close().catch(() => {});
    await discard();
    return refuse(error);
  }
  const commit = async (): Promise<void> => {
    try {
      await rename(temporary, path);
    } catch (error) {
      await discard();
      refuse(error);
    }
    await syncFolder(dirname(path));
  };
  return { commit, discard };
}

/** Writes the chunks as the file `path`. */
export async function writeFileAtomically(path: string, chunks: Iterable<Uint8Array>): Promise<void> {
  const pending = await writePending(path, chunks);
  await pending.commit();
}

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  let done = 0;
  while (done < chunk.byteLength) {
    const length = Math.min(LARGEST_WRITE, chunk.byteLength - done);
    const { bytesWritten } = await file.write(chunk, done, length);
    done += bytesWritten;
  }
}

/** Makes the rename itself last; where folders cannot be flushed (Windows) the rename is still atomic. */
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch {
    return;
  }
}
