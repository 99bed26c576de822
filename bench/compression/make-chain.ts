/** Makes the models of a chain by the commands themselves. What is there is not made again; what was stopped goes on. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { inRepository, runProgram } from '../processes/run-program.ts';
import type { CompressionOptions } from './options.ts';
import { type Chain, EPOCHS, STEPS } from './recipes.ts';

const SKEIN = inRepository('dist/src/cli/main.js');

/** The file that a chain ends in. */
export function fileOf({ model, steps }: Pick<Chain, 'model' | 'steps'>, options: CompressionOptions): string {
  if (steps.length === 0) return join(options.models, `${model}.onnx`);
  return join(options.folder, `${[model, ...steps].join('-')}${steps.at(-1) === 'shared' ? '.skz' : '.onnx'}`);
}

export async function makeChain(chain: Chain, options: CompressionOptions, log: (line: string) => void): Promise<void> {
  for (const [i, name] of chain.steps.entries()) {
    const before = fileOf({ ...chain, steps: chain.steps.slice(0, i) }, options);
    const output = fileOf({ ...chain, steps: chain.steps.slice(0, i + 1) }, options);
    const step = STEPS[name];
    if (step === undefined) throw new Error(`there is no step '${name}'`);
    const stem = output.replace(/\.\w+$/, '');
    const half = [`${stem}.steps`, `${stem}.checkpoint`].find((path) => existsSync(path));
    if (existsSync(output) && half === undefined) continue;
    log(`${output} …`);
    const [command, ...words] = step.map((word) => (word === 'epochs' ? String(EPOCHS[chain.model]) : word));
    const data = ['--data', join(options.data, 'train.tar'), '--val', join(options.data, 'val.tar')];
    const limit = options.limit === undefined ? [] : ['--limit', String(options.limit)];
    const go = half === undefined ? [] : ['--resume'];
    const call = [SKEIN, command as string, before, ...data, ...limit, '-o', output, ...words, ...go];
    await runProgram(process.execPath, call, (line) => log(`  ${line}`));
  }
}
