/**
 * A folder that only one running copy of a script works in: the first of `base`, `base-2`, `base-3`, … that no live process
 * has. A file beside it, `<folder>.pid`, says whose it is; that of a process which has died counts for nothing.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

export interface OwnFolder {
  readonly path: string;
  /** Leaves what is in the folder, and the folder to others. */
  release(): Promise<void>;
}

/** The folder, empty: what an earlier copy left in it is gone. */
export async function takeFolder(base: string): Promise<OwnFolder> {
  await mkdir(dirname(base), { recursive: true });
  for (let number = 1; ; number++) {
    const path = number === 1 ? base : `${base}-${number}`;
    const owner = `${path}.pid`;
    if (!(await claim(owner))) continue;
    await rm(path, { recursive: true, force: true });
    await mkdir(path);
    return { path, release: () => rm(owner, { force: true }) };
  }
}

async function claim(owner: string): Promise<boolean> {
  const mine = String(process.pid);
  try {
    await writeFile(owner, mine, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const pid = Number(await readFile(owner, 'utf8').catch(() => ''));
  // A file without a number is being written at this moment.
  if (!(pid > 0) || isAlive(pid)) return false;
  await writeFile(owner, mine);
  return true;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
