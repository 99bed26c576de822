/** The words after `npm run bench:compression --`. */
import { type RecipeOptions, readRecipeOptions, recipeWords } from '../recipes/options.ts';

const FOLDER = 'skein-compression';

export const COMPRESSION_USAGE = `npm run bench:compression -- [options]: every compression of the models, side by side, each against the model after
the same budget of training. Takes hours on two cores; called again, it goes on where it was stopped.
  --only <models>     some of resnet20,resnet56,vgg19
${recipeWords(FOLDER)}
  --picture <file>    latency against accuracy, as SVG`;

/** @throws Error with one line that says what is off */
export function readCompressionOptions(args: readonly string[]): RecipeOptions | 'help' {
  return readRecipeOptions(args, FOLDER);
}
