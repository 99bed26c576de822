/** Words that the benchmarks have in common which make models by recipes and measure them. */
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { givenOrShared, positive } from '../report/words.ts';

export interface RecipeOptions {
  /** Only rows of these models. */
  readonly only: readonly string[] | undefined;
  /** Has train.tar, val.tar and test.tar. */
  readonly data: string;
  /** The folder of the models that it begins with. */
  readonly models: string;
  /** Images of training, to try it out; all unless told. */
  readonly limit: number | undefined;
  /** Of every training, to try it out; those of the recipes unless told. */
  readonly epochs: number | undefined;
  /** Where what is made is kept. */
  readonly folder: string;
  /** Another such folder, whose models are taken where they are of the same recipe. */
  readonly from: string | undefined;
  readonly rounds: number;
  /** What the accuracy is measured on. */
  readonly split: 'test' | 'val';
  readonly markdown: string | undefined;
  readonly picture: string | undefined;
}

const WORDS = ['only', 'data', 'models', 'limit', 'folder', 'from', 'rounds', 'split', 'markdown', 'picture'];

/** @param folder the name of the one in which things are kept unless told */
export function recipeWords(folder: string): string {
  return `  --data <folder>     with train.tar, val.tar and test.tar (data/cifar10-jpeg of $SKEIN_SHARED)
  --models <folder>   (models of $SKEIN_SHARED)
  --limit <n>         images of training, to try it out
  --folder <folder>   where models and logs are kept (${folder} in the system's folder for temporary files)
  --from <folder>     of another benchmark, whose models are taken where they are of the same recipe
  --rounds <n>        of measuring latencies (9)
  --split <name>      test, or val while recipes are still being chosen (test)
  --markdown <file>   the table as Markdown, too`;
}

/** @param more words that not all of these benchmarks know. @throws Error with one line that says what is off */
export function readRecipeOptions(
  args: readonly string[],
  folder: string,
  more: readonly 'epochs'[] = [],
): RecipeOptions | 'help' {
  const text = { type: 'string' } as const;
  const names = [...WORDS, ...more];
  const { values: found } = parseArgs({
    args: [...args],
    options: { help: { type: 'boolean', short: 'h' }, ...Object.fromEntries(names.map((name) => [name, text])) },
  });
  if (found.help) return 'help';
  const values = found as Readonly<Record<string, string | undefined>>;
  const { split = 'test' } = values;
  if (split !== 'test' && split !== 'val') throw new Error(`--split: expected test or val, received '${split}'`);
  const number = (name: string) => (values[name] === undefined ? undefined : positive(name, values[name], 1));
  return {
    only: values.only?.split(','),
    data: resolve(givenOrShared('data', values.data, 'data', 'cifar10-jpeg')),
    models: resolve(givenOrShared('models', values.models, 'models')),
    limit: number('limit'),
    epochs: number('epochs'),
    folder: resolve(values.folder ?? join(tmpdir(), folder)),
    from: values.from,
    rounds: positive('rounds', values.rounds, 9),
    split,
    markdown: values.markdown,
    picture: values.picture,
  };
}
