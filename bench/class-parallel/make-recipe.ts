/** Makes what recipes say, each after what it is made of. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../src/base/index.ts';
import { fileOfPlan } from '../recipes/kept-evaluation.ts';
import { type Log, makeBySkein, makeOnce, type OnceMade } from '../recipes/make-once.ts';
import type { RecipeOptions } from '../recipes/options.ts';
import { cascadeByHand } from './cascade-by-hand.ts';
import { int8Parts } from './int8-parts.ts';
import { GIVEN, HUNDRED, RECIPES, type Recipe } from './recipes.ts';

/** Commands that write one model; the others write the folder of a plan. */
const MODEL_COMMANDS: ReadonlySet<string> = new Set(['train', 'prune', 'factorize', 'distill']);

/** The model, or the folder of the plan. */
export function fileOf(name: string, { models, folder }: RecipeOptions): string {
  if (GIVEN.has(name)) return join(models, `${name}.onnx`);
  return join(folder, MODEL_COMMANDS.has(recipeOf(name).command) ? `${name}.onnx` : name);
}

export function recipeOf(name: string): Recipe {
  const recipe = RECIPES[name];
  if (recipe === undefined) throw new Error(`there is no recipe '${name}'`);
  return recipe;
}

/** Whether it is about the images with 100 classes. */
export function isHundred(name: string): boolean {
  return name.startsWith('hundred');
}

/** A recipe's words, with the epochs of all trainings where these are told. */
export function wordsOf({ words = [] }: Recipe, { epochs }: RecipeOptions): string[] {
  return words.map((word, i) => (EPOCHS.has(words[i - 1] ?? '') && word !== '0' ? String(epochs ?? word) : word));
}

const EPOCHS: ReadonlySet<string> = new Set(['--epochs', '--joint-epochs']);

const NAME = /^\{.+\}$/;
const nameIn = (word: string): string => word.slice(1, -1);

/** What its words stand for, besides what it is made of. */
export function namedIn({ words = [] }: Recipe): string[] {
  return words.filter((word) => NAME.test(word)).map(nameIn);
}

/** @param done names that need not be looked at again; this one is among them then */
export async function makeRecipe(name: string, options: RecipeOptions, log: Log, done: Set<string>): Promise<void> {
  if (GIVEN.has(name) || done.has(name)) return;
  const recipe = recipeOf(name);
  const needed = [...recipe.of, ...namedIn(recipe)];
  for (const before of needed) await makeRecipe(before, options, log, done);
  done.add(name);
  const models = needed.map((before) => fileOf(before, options));
  const made: OnceMade = {
    output: fileOf(name, options),
    words: [recipe.command, ...callOf(name, recipe, options)],
    models: models.map(fileOfPlan),
    from: options.from,
  };
  if (recipe.command === 'int8-parts') {
    await makeOnce(made, log, () => int8Parts(models[0] as string, made.output, options, log));
  } else if (recipe.command === 'pair') await makePair(made, models as [string, string], log);
  else await makeBySkein(made, log);
}

function callOf(name: string, recipe: Recipe, options: RecipeOptions): string[] {
  const models = recipe.of.map((before) => fileOf(before, options));
  const subject = [...(recipe.architecture === undefined ? [] : [recipe.architecture]), ...models];
  const own = wordsOf(recipe, options).map((word) => (NAME.test(word) ? fileOf(nameIn(word), options) : word));
  const val = join(options.data, 'val.tar');
  if (recipe.command === 'pair') return [...subject, '--data', val, ...own];
  const data = isHundred(name) ? ['--data', HUNDRED] : ['--data', join(options.data, 'train.tar'), '--val', val];
  const limit = options.limit === undefined ? [] : ['--limit', String(options.limit)];
  return [...subject, ...data, ...limit, ...own];
}

/** Of `pair`, where it writes none. */
const NONE_PAYS = /no plan was written$/;

/** `pair` says where a cascade does not pay, and writes none: then there is one at the threshold that a user might try. */
async function makePair(made: OnceMade, [small, big]: readonly [string, string], log: Log): Promise<void> {
  try {
    await makeBySkein(made, log);
  } catch (error) {
    const said = messageOf(error);
    // What failed otherwise says nothing of cascades.
    if (!NONE_PAYS.test(said)) throw error;
    log(`  ${said}`);
    await rm(made.output, { recursive: true, force: true });
    await cascadeByHand(small, big, made.output);
  }
}
