/**
 * Files that a command is going to write. A device, pipe or socket is refused rather than replaced: a rename would take
 * its place, which for /dev/null breaks the machine.
 */
import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SkeinError } from './errors.ts';
import { checkWritable, writeError } from './writable-folder.ts';

/**
 * Refuses what is there and no regular file; a link counts as what it leads to.
 * @throws SkeinError 'invalid-argument'
 */
export async function refuseSpecialFile(path: string): Promise<void> {
  const stats = await stat(path).catch(() => undefined);
  if (stats === undefined || stats.isFile()) return;
  if (stats.isDirectory()) throw writeError(path, Object.assign(new Error('it is a folder'), { code: 'EISDIR' }));
  throw new SkeinError(
    'invalid-argument',
    `Cannot write '${path}': it must be a regular file, it is a ${kindOf(stats)}: choose another name`,
  );
}

/**
 * Tries whether the files, all of one folder and of so many bytes together, can be written; leaves nothing behind.
 * @param files the first is the one that errors of the folder name
 * @throws SkeinError that says what is in the way
 */
export async function checkOutputs(files: readonly [string, ...string[]], sizeBytes = 0): Promise<void> {
  for (const file of files) await refuseSpecialFile(file);
  await checkWritable(dirname(files[0]), sizeBytes, files[0]);
}

function kindOf(stats: Stats): string {
  if (stats.isFIFO()) return 'pipe';
  return stats.isSocket() ? 'socket' : 'device';
}
