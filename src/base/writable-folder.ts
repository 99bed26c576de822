/**
 * Folders that files are to be written into: made without `mkdir`'s own recursion, which never ends where a file system
 * lets nobody make one (/proc), and tried before long work rather than after it. What is in the way is said in words.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, rm, rmdir, stat, statfs, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type ErrorCode, messageOf, SkeinError } from './errors.ts';

const WAYS_OUT: { readonly [errno: string]: readonly [ErrorCode, string] } = {
  ENOSPC: ['unavailable', 'the disk is full: free some space or choose another place'],
  EDQUOT: ['unavailable', 'the disk quota is used up: free some space or choose another place'],
  EACCES: ['invalid-argument', 'there is no permission to write there: choose another place'],
  EPERM: ['invalid-argument', 'there is no permission to write there: choose another place'],
  EROFS: ['invalid-argument', 'the file system is read-only: choose another place'],
  EEXIST: ['invalid-argument', 'a file of that name is there: choose another name or remove it'],
  EISDIR: ['invalid-argument', 'a folder of that name is there: choose another name or remove it'],
  ENOTDIR: ['invalid-argument', 'a part of the path is a file: choose another place'],
  ENOENT: ['invalid-argument', 'there is no such folder: make it or choose another place'],
  ENAMETOOLONG: ['invalid-argument', 'the name is too long: choose a shorter one'],
  ELOOP: ['invalid-argument', 'a link in the path leads to itself: choose another place'],
};

/** What the system said of writing at `path`, with what to do; errors that are not the system's stay as they are. */
export function writeError(path: string, error: unknown): unknown {
  const errno = (error as NodeJS.ErrnoException | undefined)?.code;
  if (error instanceof SkeinError || errno === undefined) return error;
  const [code, why] = WAYS_OUT[errno] ?? ['unavailable', messageOf(error)];
  return new SkeinError(code, `Cannot write '${path}': ${why}`, { cause: error });
}

/**
 * Makes the folder and those above it that are missing.
 * @returns those that it made, from the outermost
 * @throws SkeinError if it is a file or cannot be made; what was made is removed again
 */
export async function makeFolder(path: string): Promise<string[]> {
  const missing: string[] = [];
  const made: string[] = [];
  try {
    let at = resolve(path);
    while (!(await isThere(at))) {
      missing.unshift(at);
      at = dirname(at);
    }
    for (const folder of missing) {
      await mkdir(folder);
      made.push(folder);
    }
    return made;
  } catch (error) {
    await removeFolders(made);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw writeError(path, error);
    throw nothingThere('no folder', path, error);
  }
}

/**
 * Tries whether files of so many bytes together can be written into the folder, which may not be there yet; leaves nothing
 * behind.
 * @param name what errors call the place
 * @throws SkeinError that says what is in the way
 */
export async function checkWritable(path: string, sizeBytes = 0, name = path): Promise<void> {
  const folder = resolve(path);
  const made = await makeFolder(folder);
  const probe = join(folder, `.${randomUUID().slice(0, 8)}.tmp`);
  try {
    await writeFile(probe, 'x', { flag: 'wx' });
    const { bavail, bsize } = await statfs(folder);
    if (bavail * bsize < sizeBytes) {
      const mebibytes = (size: number) => `${(size / 2 ** 20).toFixed(1)} MiB`;
      throw new SkeinError(
        'unavailable',
        `Cannot write '${name}': ${mebibytes(sizeBytes)} are needed, ${mebibytes(bavail * bsize)} are free: free some space or choose another place`,
      );
    }
  } catch (error) {
    // The folder is there; /proc says this of every file.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw nothingThere('no file', name, error);
    throw writeError(name, error);
  } finally {
    await rm(probe, { force: true }).catch(() => {});
    await removeFolders(made);
  }
}

function nothingThere(what: string, path: string, cause: unknown): SkeinError {
  return new SkeinError('invalid-argument', `Cannot write '${path}': ${what} can be made there: choose another place`, {
    cause,
  });
}

async function isThere(path: string): Promise<boolean> {
  try {
    if ((await stat(path)).isDirectory()) return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
  throw new SkeinError('invalid-argument', `Cannot write into '${path}': it is a file; name a folder`);
}

/** Those that hold nothing. */
async function removeFolders(folders: readonly string[]): Promise<void> {
  for (const folder of folders.toReversed()) await rmdir(folder).catch(() => {});
}
