/**
 * Writes a file so that it is never half there: into a temporary file beside it, flushed to the disk, then renamed. A
 * full disk or a crash leaves the old file whole.
 */

import { randomUUID } from 'node:crypto';
import { type FileHandle, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { refuseSpecialFile } from './output-file.ts';
import { isRunning } from './run-lock.ts';
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
 * @throws SkeinError 'invalid-argument' where a folder, device, pipe or socket is there; that says what to do where the system refuses
 */
export async function writePending(path: string, chunks: Iterable<Uint8Array>): Promise<PendingFile> {
  const temporary = `${path}.${process.pid}-${randomUUID().slice(0, 8)}.tmp`;
  const discard = () => rm(temporary, { force: true });
  const refuse = (error: unknown): never => {
    throw writeError(path, error);
  };
  await refuseSpecialFile(path);
  await removeStale(path);
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
      await refuseSpecialFile(path);
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

/** Takes away what killed writers of the file left: their process is in the name. */
async function removeStale(path: string): Promise<void> {
  const name = `${basename(path)}.`;
  for (const each of await readdir(dirname(path)).catch(() => [])) {
    const writer = each.startsWith(name) ? /^(\d+)-[0-9a-f]{8}\.tmp$/.exec(each.slice(name.length)) : null;
    if (writer !== null && !isRunning(Number(writer[1]))) await rm(join(dirname(path), each), { force: true });
  }
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
