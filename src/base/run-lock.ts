/**
 * Keeps two runs from writing the same files: a file beside them holds the number of the process that has them. What a
 * killed process left is taken over. Processes of other machines and containers are not seen.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync, rmdirSync, rmSync } from 'node:fs';
import { link, mkdir, readFile, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { SkeinError } from './errors.ts';
import { makeFolder, writeError } from './writable-folder.ts';

export interface RunLock {
  release(): void;
}

/** While another is at the same lock. */
const MOMENT_MS = 200;
const FORGOTTEN_MS = 5000;
const ATTEMPTS = 40;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Takes `<output>.lock` until it is released or the process ends, by a signal, too. A folder that is not there is made, and
 * removed again where it stays empty.
 * @throws SkeinError 'unavailable' naming the process that has it
 */
export async function lockOutput(output: string): Promise<RunLock> {
  const path = `${output}.lock`;
  const mine = holderOf(process.pid);
  const folders = await makeFolder(dirname(output));
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (await made(path, mine)) return held(path, mine, folders);
    const holder = await contentOf(path);
    if (holder !== undefined && isHeld(holder, mine)) {
      throw new SkeinError(
        'unavailable',
        `Cannot write '${output}': another run, process ${Number.parseInt(holder, 10)}, is writing it: wait for its end or choose another name`,
      );
    }
    if (holder !== undefined) await takeAway(path, holder);
  }
  throw new SkeinError('unavailable', `Cannot write '${output}': other runs keep taking '${path}'`);
}

/** Whether there is a process of that number. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Of somebody else.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Number and, where the system tells it, start of a process: numbers are given again. */
function holderOf(pid: number): string {
  return `${pid} ${startOf(pid)}`.trim();
}

/** In clock ticks since the machine's start; the 22nd field, counted behind the name, which may hold anything. */
function startOf(pid: number): string {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

function isHeld(holder: string, mine: string): boolean {
  const [pid = '', start = ''] = holder.split(' ');
  if (!/^\d+$/.test(pid) || !isRunning(Number(pid))) return false;
  return holder === mine || start === '' || start === startOf(Number(pid));
}

/** With its content at once: a link, which only one of several succeeds in. */
async function made(path: string, content: string): Promise<boolean> {
  const draft = `${path}.${randomUUID().slice(0, 8)}.tmp`;
  try {
    await writeFile(draft, content, { flag: 'wx' });
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw writeError(path.slice(0, -'.lock'.length), error);
  } finally {
    await rm(draft, { force: true });
  }
}

/** Undefined where it is gone; '' where nobody has written it for a moment. */
async function contentOf(path: string): Promise<string | undefined> {
  const read = () =>
    readFile(path, 'latin1').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw writeError(path, error);
    });
  const content = await read();
  if (content !== '') return content;
  await setTimeout(MOMENT_MS);
  return read();
}

/** One at a time, each looking again: what another has taken by then is not taken from under it. */
async function takeAway(path: string, holder: string): Promise<void> {
  const guard = `${path}.taking`;
  try {
    await mkdir(guard);
  } catch {
    await setTimeout(MOMENT_MS);
    // Left by one that was killed between two lines.
    const { mtimeMs } = await stat(guard).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > FORGOTTEN_MS) await rmdir(guard).catch(() => {});
    return;
  }
  try {
    if ((await contentOf(path)) === holder) await rm(path, { force: true });
  } finally {
    await rmdir(guard).catch(() => {});
  }
}

function held(path: string, mine: string, folders: readonly string[]): RunLock {
  const release = (): void => {
    process.off('exit', release);
    for (const signal of SIGNALS) process.off(signal, end);
    try {
      if (readFileSync(path, 'latin1') === mine) rmSync(path, { force: true });
      // Those that nothing was written into.
      for (const folder of folders.toReversed()) rmdirSync(folder);
    } catch {
      return;
    }
  };
  // Where the command has no word of its own for the signal, the process ends as it would have.
  const end = (signal: NodeJS.Signals): void => {
    if (process.listenerCount(signal) > 1) return;
    release();
    process.kill(process.pid, signal);
  };
  process.on('exit', release);
  for (const signal of SIGNALS) process.on(signal, end);
  return { release };
}
