/** Makes the models of a chain by the commands themselves. What is there is not made again; what was stopped goes on. */
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Of } from '../../src/plan/index.ts';
import { inRepository, runProgram } from '../processes/run-program.ts';
import type { CompressionOptions } from './options.ts';
import { type Chain, EPOCHS, RATES, STEPS } from './recipes.ts';

/** Words that stand for the files of models. */
const MODELS: ReadonlySet<string> = new Set(['{trained}', '{resnet56}']);

const SKEIN = inRepository('dist/src/cli/main.js');

/** The file that a chain ends in. */
export function fileOf({ model, steps }: Pick<Chain, 'model' | 'steps'>, options: CompressionOptions): string {
  if (steps.length === 0) return join(options.models, `${model}.onnx`);
  return join(options.folder, `${[model, ...steps].join('-')}${steps.at(-1) === 'shared' ? '.skz' : '.onnx'}`);
}

export async function makeChain(chain: Chain, options: CompressionOptions, log: (line: string) => void): Promise<void> {
  for (const length of chain.steps.keys()) {
    const steps = chain.steps.slice(0, length + 1);
    const output = fileOf({ ...chain, steps }, options);
    const call = await callOf({ ...chain, steps }, options);
    const unfinished = [`${output}.steps`, output.replace(/\.\w+$/, '.checkpoint')];
    const recipe = `${output}.recipe.json`;
    // What other words, or other models, made is not what the table says it is.
    if ((await textOf(recipe)) !== call.recipe) {
      for (const path of [output, ...unfinished]) await rm(path, { recursive: true, force: true });
      await writeFile(recipe, call.recipe);
    }
    const half = unfinished.some((path) => existsSync(path));
    if (existsSync(output) && !half) continue;
    log(`${output} …`);
    const words = [...call.words, '-o', output, ...(half ? ['--resume'] : [])];
    await runProgram(process.execPath, [SKEIN, ...words], (line) => log(`  ${line}`));
  }
}

/** The words that make a chain's last step, and what says whether a file was made by them. */
async function callOf(
  { model, steps }: Pick<Chain, 'model' | 'steps'>,
  options: CompressionOptions,
): Promise<{ readonly words: readonly string[]; readonly recipe: string }> {
  const name = steps.at(-1) as string;
  const step = STEPS[name];
  if (step === undefined) throw new Error(`there is no step '${name}'`);
  const before = fileOf({ model, steps: steps.slice(0, -1) }, options);
  const meanings: Readonly<Record<string, string>> = {
    '{epochs}': String(EPOCHS[model]),
    '{rate}': RATES[model] as string,
    '{trained}': fileOf({ model, steps: ['trained'] }, options),
    '{resnet56}': fileOf({ model: 'resnet56', steps: [] }, options),
  };
  const [command, ...own] = step.map((word) => meanings[word] ?? word);
  const seen = [before, ...step.flatMap((word) => (MODELS.has(word) ? (meanings[word] ?? []) : []))];
  const data = ['--data', join(options.data, 'train.tar'), '--val', join(options.data, 'val.tar')];
  const limit = options.limit === undefined ? [] : ['--limit', String(options.limit)];
  const words = [command as string, before, ...data, ...limit, ...own];
  return { words, recipe: `${JSON.stringify({ words, models: await Promise.all(seen.map(sha256Of)) })}\n` };
}

function textOf(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined);
}
