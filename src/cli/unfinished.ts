/** Calls that were interrupted: the folder of their steps, whose words it is of, and whether this call goes on with them. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { writeError } from '../base/index.ts';
import { UsageError } from './command.ts';

/**
 * @param folder of the steps
 * @param words of this call: see `wordsOf`
 * @throws UsageError where steps of another call are there, or `resume` is not said of those of this one
 */
export async function checkUnfinished(folder: string, words: Record<string, unknown>, resume: boolean): Promise<void> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw writeError(folder, error);
  });
  // Nothing but drafts: killed before it could say whose it is, and before anything was kept.
  const kept = names.filter((name) => !name.endsWith('.tmp'));
  if (kept.length === 0) return;
  const { aboutStages } = await import('../compress/index.ts');
  const left = (await aboutStages(folder)) as Record<string, unknown> | undefined;
  if (left === undefined) {
    throw new UsageError(
      `'${folder}', where the steps would go, holds '${kept[0]}' and no steps of a call: choose another --output, or take that away`,
    );
  }
  if (!resume)
    throw new UsageError(`'${folder}' is of a call that was not finished: go on with --resume, or remove it`);
  refuseOtherWords(folder, left, words);
}

/** What a stopped call says of going on. @param stopped what was stopped, and where */
export function goOnWords(stopped: string, folder: string): string {
  const kept = existsSync(folder);
  return `${stopped}: ${kept ? `repeat the call with --resume to go on from '${folder}'` : 'nothing was done yet that is worth keeping'}`;
}

/** What must be the same for a call to go on with what another one left. */
export function wordsOf(command: string, path: string, flags: object): Record<string, unknown> {
  const same: Record<string, unknown> = { ...flags };
  for (const free of ['output', 'resume', 'json', 'verbose', 'threads', 'augmentThreads']) delete same[free];
  return { command, model: path, ...same };
}

/** @throws UsageError that names the first word that differs */
function refuseOtherWords(folder: string, left: Record<string, unknown>, words: Record<string, unknown>): void {
  const now = JSON.parse(JSON.stringify(words)) as Record<string, unknown>;
  for (const name of new Set([...Object.keys(left), ...Object.keys(now)])) {
    const [before, after] = [left[name], now[name]].map((value) => (value === undefined ? 'none' : asWord(value)));
    if (before === after) continue;
    const word =
      name === 'command' || name === 'model' ? name : `--${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`;
    throw new UsageError(
      `--resume: '${folder}' is of a call with another ${word}, ${before}, received ${after}: repeat that call's words, or remove the folder`,
    );
  }
}

function asWord(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
