/** A call that goes on with what another one left must be that call again. */
import { UsageError } from './command.ts';

/** What must be the same for a call to go on with what another one left. */
export function wordsOf(command: string, path: string, flags: object): Record<string, unknown> {
  const same: Record<string, unknown> = { ...flags };
  for (const free of ['output', 'resume', 'json', 'verbose', 'threads', 'augmentThreads']) delete same[free];
  return { command, model: path, ...same };
}

/** @throws UsageError that names the first word that differs */
export async function refuseOtherWords(folder: string, words: Record<string, unknown>): Promise<void> {
  const { aboutStages } = await import('../compress/index.ts');
  const left = ((await aboutStages(folder)) ?? {}) as Record<string, unknown>;
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
