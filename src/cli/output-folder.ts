/**
 * A folder that a command makes as a whole: where it lies, however it is written, and how its files come there at once,
 * after work that must not be lost by it.
 */
import { lstat, readdir, readFile, realpath, rename, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { makeFolder, SkeinError, writeError, writeFileAtomically } from '../base/index.ts';
import { UsageError } from './command.ts';

/**
 * The path that something beside the folder can be named after: `parts` for `parts/`, the whole path for `.`, what a link
 * leads to.
 * @throws UsageError for a link that leads nowhere
 */
export async function placeOf(folder: string): Promise<string> {
  const name = basename(folder);
  const place = ['', '.', '..'].includes(name) ? resolve(folder) : join(dirname(folder), name);
  const isLink = (await lstat(place).catch(() => undefined))?.isSymbolicLink() === true;
  if (!isLink) return place;
  return realpath(place).catch(() => {
    throw new UsageError(`--output must be a new or empty folder, '${folder}' is a link that leads nowhere: remove it`);
  });
}

/** @throws UsageError where there is something that would be mixed with what is to come */
export async function refuseUsedFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch(() => undefined);
  if (found === undefined) return;
  const what = !found.isDirectory() ? 'a file' : (await readdir(folder)).length > 0 ? 'a folder with files in it' : '';
  if (what === '') return;
  throw new UsageError(`--output must be a new or empty folder, '${folder}' is ${what}: choose another, or remove it`);
}

/**
 * Moves a folder of files to a place where there is nothing, or an empty folder: all of it is there, or nothing.
 * @param last of the files, where the folder cannot be replaced (a mount point) and they are copied: without it, the others
 * are nothing
 * @throws SkeinError that says what is in the way; what was to be moved is still where it was
 */
export async function moveFolder(from: string, to: string, last: string): Promise<void> {
  await rmdir(to).catch(() => {});
  try {
    await rename(from, to);
  } catch (error) {
    const there = await readdir(to).catch(() => undefined);
    if (there === undefined) throw writeError(to, error);
    if (there.length > 0) {
      throw new SkeinError(
        'invalid-argument',
        `Cannot write '${to}': ${there.join(', ')} came into it meanwhile; take that away and repeat the call with --resume`,
      );
    }
    await copyInto(from, to, last);
    await rm(from, { recursive: true });
  }
}

async function copyInto(from: string, to: string, last: string): Promise<void> {
  await makeFolder(to);
  const names = (await readdir(from)).filter((name) => name !== last);
  for (const name of [...names, last]) await writeFileAtomically(join(to, name), [await readFile(join(from, name))]);
}
