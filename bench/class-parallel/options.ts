/** The words after `npm run bench:class-parallel --`. */
import { type RecipeOptions, readRecipeOptions, recipeWords } from '../recipes/options.ts';

const FOLDER = 'skein-class-parallel';

export const CLASS_PARALLEL_USAGE = `npm run bench:class-parallel -- [options]: networks as small ones for their classes, side by side with what else could be
done with them, each against the network after at least as much training. Takes hours on two cores; called again, it goes on
where it was stopped.
  --only <models>     some of vgg19,resnet56,hundred (100 classes of drawn shapes)
  --epochs <n>        of every training, to try it out
${recipeWords(FOLDER)}
  --picture <file>    what the number of groups does, as SVG`;

/** @throws Error with one line that says what is off */
export function readClassParallelOptions(args: readonly string[]): RecipeOptions | 'help' {
  return readRecipeOptions(args, FOLDER, ['epochs']);
}
