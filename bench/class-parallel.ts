/**
 * `npm run bench:class-parallel`: networks as k small ones that answer together, beside what a user would do instead on the
 * same cores. Everything is held against the network after at least as much training, since that alone improves it. Choices
 * are made on the validation images; the test images are looked at once, at the end.
 */
import { writeFile } from 'node:fs/promises';
import { groupsPicture } from './class-parallel/groups-picture.ts';
import { makeRecipe } from './class-parallel/make-recipe.ts';
import { type Figures, measureRows } from './class-parallel/measure-rows.ts';
import { CLASS_PARALLEL_USAGE, readClassParallelOptions } from './class-parallel/options.ts';
import { FAMILIES, ROWS } from './class-parallel/recipes.ts';
import { type ClassParallelRow, classParallelMarkdown, classParallelText } from './class-parallel/table.ts';
import type { Log } from './recipes/make-once.ts';
import type { RecipeOptions } from './recipes/options.ts';
import { checkOnly, runBench } from './recipes/run-bench.ts';
import { describeMachine, machineLine } from './report/machine.ts';

await runBench({
  name: 'class-parallel',
  usage: CLASS_PARALLEL_USAGE,
  read: readClassParallelOptions,
  run: compare,
});

async function compare(options: RecipeOptions, log: Log): Promise<void> {
  checkOnly(options.only, FAMILIES);
  const families = FAMILIES.filter((family) => options.only?.includes(family) ?? true);
  const wanted = ROWS.filter(({ family }) => families.includes(family));
  const done = new Set<string>();
  for (const { made } of wanted) for (const name of made) await makeRecipe(name, options, log, done);
  const rows: ClassParallelRow[] = [];
  for (const family of families) {
    const figures = await measureRows(
      family,
      wanted.filter((row) => row.family === family),
      options,
      log,
    );
    const [base] = figures;
    for (const each of figures) {
      const against = figures.find(({ recipe }) => recipe.made[0] === each.recipe.against) ?? base;
      if (base === undefined || against === undefined) continue;
      rows.push({ ...each, base, against });
      if (against !== base && each.epochs > against.epochs) log(trainedLonger(each, against));
    }
  }
  const images = `${options.split === 'test' ? 'test' : 'validation'} images`;
  const header = [
    machineLine(describeMachine()),
    `top-1 of the ${images}, in points against the network as it is or, where it says so, after more training; training: multiply-accumulates of all images that were passed through it (three times forward, and once a teacher), in epochs of the network; MACs: of all parts that an image sees; critical path: the slowest part and the combination (at most ${combinationOf(rows)} ms), each alone on one core, as with a core for each part; one image with all cores (in one worker for a single model, one thread each for parts) and images/s with all cores, in process; medians of ${options.rounds} rounds in which all rows of a network take turns`,
  ];
  console.log(`${header.map((line) => `# ${line}`).join('\n')}\n\n${classParallelText(rows)}`);
  const picture = groupsPicture(rows, images);
  if (options.picture !== undefined && picture !== undefined) await writeFile(options.picture, picture);
  if (options.markdown !== undefined) {
    await writeFile(options.markdown, `${header.join('  \n')}\n\n${classParallelMarkdown(rows)}\n`);
  }
}

/** What must not be so: the words in recipes.ts are to be changed then. */
function trainedLonger({ recipe, epochs }: Figures, against: Figures): string {
  return `warning: '${recipe.title}' of ${recipe.family} was trained for ${epochs.toFixed(2)} epochs, '${against.recipe.title}', which it is held against, for ${against.epochs.toFixed(2)} only`;
}

function combinationOf(rows: readonly ClassParallelRow[]): string {
  return Math.max(0, ...rows.map(({ combinationMs }) => combinationMs)).toFixed(4);
}
