/** The frame of a benchmark that makes models by recipes: help, one log, one line where it fails. */
import { appendFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../src/base/index.ts';
import type { Log } from './make-once.ts';
import type { RecipeOptions } from './options.ts';

interface Benchmark {
  /** Of its log. */
  readonly name: string;
  readonly usage: string;
  readonly read: (args: readonly string[]) => RecipeOptions | 'help';
  readonly run: (options: RecipeOptions, log: Log) => Promise<void>;
}

/** Ends the process. */
export async function runBench({ name, usage, read, run }: Benchmark): Promise<never> {
  try {
    const options = read(process.argv.slice(2));
    if (options === 'help') console.log(usage);
    else {
      await mkdir(options.folder, { recursive: true });
      const logFile = join(options.folder, `${name}.log`);
      await run(options, (line) => {
        process.stderr.write(`${line}\n`);
        appendFileSync(logFile, `${line}\n`);
      });
    }
    process.exit();
  } catch (error) {
    console.error(`bench: ${messageOf(error)}`);
    process.exit(1);
  }
}

/** @throws Error where a word of `--only` is none of these */
export function checkOnly(only: readonly string[] | undefined, models: readonly string[]): void {
  const unknown = only?.find((name) => !models.includes(name));
  if (unknown !== undefined) throw new Error(`--only: there is no model '${unknown}' in this benchmark`);
}
