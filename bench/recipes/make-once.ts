/**
 * Files that commands make, each with its recipe kept beside it: what is there by the same words, of the same models, is not
 * made again; what was stopped goes on; what other words made is made anew.
 */
import { existsSync } from 'node:fs';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join, sep } from 'node:path';
import { sha256Of } from '../../src/plan/index.ts';
import { inRepository, runProgram } from '../processes/run-program.ts';

export type Log = (line: string) => void;

const SKEIN = inRepository('dist/src/cli/main.js');

export interface OnceMade {
  /** A file, or a folder. */
  readonly output: string;
  /** What it is made by. */
  readonly words: readonly string[];
  /** The files that it is made of. */
  readonly models: readonly string[];
  /** Another folder in which the same may have been made. */
  readonly from?: string | undefined;
}

/** @param make told whether there is something to go on with */
export async function makeOnce(
  { output, words, models, from }: OnceMade,
  log: Log,
  make: (resume: boolean) => Promise<void>,
): Promise<void> {
  const unfinished = unfinishedOf(output);
  // What is made in the same folder goes by its name, so that folders can be moved, and be taken from.
  const folder = `${dirname(output)}${sep}`;
  const known = words.map((word) => (word.startsWith(folder) ? word.slice(folder.length) : word));
  const text = `${JSON.stringify({ words: known, models: await Promise.all(models.map(sha256Of)) })}\n`;
  const recipe = `${output}.recipe.json`;
  // What other words, or other models, made is not what the table says it is.
  if ((await textOf(recipe)) !== text) {
    if (isThere(output, unfinished)) log(`${output}: made anew, since its recipe is another one`);
    for (const path of [output, ...unfinished]) await rm(path, { recursive: true, force: true });
    await writeFile(recipe, text);
  }
  if (from !== undefined && !isThere(output, unfinished))
    await takeFrom(join(from, basename(output)), output, text, log);
  // Where the plan is there, its steps were only not taken away any more.
  if (existsSync(join(output, 'plan.json'))) await rm(`${output}.steps`, { recursive: true, force: true });
  const half = unfinished.some((path) => existsSync(path));
  if (existsSync(output) && !half) return;
  log(`${output} …`);
  await make(half);
}

/** Makes it by a command of `skein`. */
export async function makeBySkein(made: OnceMade, log: Log): Promise<void> {
  await makeOnce(made, log, async (resume) => {
    const words = [...made.words, '-o', made.output, ...(resume ? ['--resume'] : [])];
    await runProgram(process.execPath, [SKEIN, ...words], (line) => log(`  ${line}`));
  });
}

/** What the same recipe made in another folder, with the state of its training, so that a command may look whether it is whole. */
async function takeFrom(elsewhere: string, output: string, text: string, log: Log): Promise<void> {
  if ((await textOf(`${elsewhere}.recipe.json`)) !== text) return;
  if (!existsSync(elsewhere) || existsSync(`${elsewhere}.steps`)) return;
  log(`${output}: taken from ${elsewhere}`);
  const [, ...beside] = unfinishedOf(elsewhere);
  const own = unfinishedOf(output).slice(1);
  for (const [i, path] of beside.entries()) if (existsSync(path)) await cp(path, own[i] as string);
  await cp(elsewhere, output, { recursive: true });
}

function isThere(output: string, unfinished: readonly string[]): boolean {
  return [output, ...unfinished].some((path) => existsSync(path));
}

/** Where the steps of a command lie, and the state of a training. */
function unfinishedOf(output: string): string[] {
  const suffix = extname(output);
  return [`${output}.steps`, ...(suffix === '' ? [] : [`${output.slice(0, -suffix.length)}.checkpoint`])];
}

function textOf(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined);
}
