/** Makes the models of a chain by the commands themselves. What is there is not made again; what was stopped goes on. */
import { join } from 'node:path';
import { type Log, makeBySkein } from '../recipes/make-once.ts';
import type { RecipeOptions } from '../recipes/options.ts';
import { type Chain, EPOCHS, RATES, STEPS } from './recipes.ts';

/** Words that stand for the files of models. */
const MODELS: ReadonlySet<string> = new Set(['{trained}', '{resnet56}']);

/** The file that a chain ends in. */
export function fileOf({ model, steps }: Pick<Chain, 'model' | 'steps'>, options: RecipeOptions): string {
  if (steps.length === 0) return join(options.models, `${model}.onnx`);
  return join(options.folder, `${[model, ...steps].join('-')}${steps.at(-1) === 'shared-then' ? '.skz' : '.onnx'}`);
}

export async function makeChain(chain: Chain, options: RecipeOptions, log: Log): Promise<void> {
  for (const length of chain.steps.keys()) {
    const steps = chain.steps.slice(0, length + 1);
    const output = fileOf({ ...chain, steps }, options);
    await makeBySkein({ output, ...callOf({ ...chain, steps }, options), from: options.from }, log);
  }
}

/** The words that make a chain's last step, and the models that they name. */
function callOf(
  { model, steps }: Pick<Chain, 'model' | 'steps'>,
  options: RecipeOptions,
): { readonly words: readonly string[]; readonly models: readonly string[] } {
  const name = steps.at(-1) as string;
  const step = STEPS[name];
  if (step === undefined) throw new Error(`there is no step '${name}'`);
  const before = fileOf({ model, steps: steps.slice(0, -1) }, options);
  const meanings: Readonly<Record<string, string>> = {
    '{epochs}': String(EPOCHS[model]),
    '{half}': String((EPOCHS[model] as number) / 2),
    '{rate}': RATES[model] as string,
    '{trained}': fileOf({ model, steps: ['trained'] }, options),
    '{resnet56}': fileOf({ model: 'resnet56', steps: [] }, options),
  };
  const [command, ...own] = step.map((word) => meanings[word] ?? word);
  const seen = [before, ...step.flatMap((word) => (MODELS.has(word) ? (meanings[word] ?? []) : []))];
  const data = ['--data', join(options.data, 'train.tar'), '--val', join(options.data, 'val.tar')];
  const limit = options.limit === undefined ? [] : ['--limit', String(options.limit)];
  return { words: [command as string, before, ...data, ...limit, ...own], models: seen };
}
