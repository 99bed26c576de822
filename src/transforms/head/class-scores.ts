/**
 * The classifier of some of a classifier's classes: for one class a single logit, above 0 where it is that class; for more
 * of them the scores of 'other' and of each. What it is before it is trained follows from the scores that there are.
 */
import { SkeinError } from '../../base/index.ts';
import type { Model } from '../../graph/index.ts';
import { classifierHead } from './classifier-head.ts';
import { recombineClasses } from './recombine-classes.ts';

/**
 * Scores [other, c₁ … cₘ], or the one logit c₁ − other. 'Other' is the mean of the scores of all other classes, by Jensen's
 * inequality the best linear bound below the log of their mean exponential, which is its score where it is seen as often as
 * each class. Where there are no other classes it is the mean of all.
 * @param classes ascending, numbers of the model's scores
 * @throws SkeinError as `recombineClasses` does; 'invalid-argument' for classes that there are not
 */
export function withClassScores(model: Model, classes: readonly number[]): Model {
  const { classes: count } = classifierHead(model);
  const own = new Set(classes);
  if (
    own.size === 0 ||
    own.size !== classes.length ||
    classes.some((c) => !Number.isInteger(c) || c < 0 || c >= count)
  ) {
    throw new SkeinError(
      'invalid-argument',
      `Cannot take classes ${classes.join(', ')}: expected different ones from 0 to ${count - 1}`,
    );
  }
  const rest = [...Array(count).keys()].filter((c) => !own.has(c));
  const averaged = new Set(rest.length > 0 ? rest : classes);
  const other = Array.from({ length: count }, (_, c) => (averaged.has(c) ? 1 / averaged.size : 0));
  const alone = (chosen: number): number[] => other.map((_, c) => (c === chosen ? 1 : 0));
  const [first = 0] = classes;
  if (classes.length === 1) {
    const logit = alone(first).map((value, c) => value - (other[c] as number));
    return recombineClasses(model, [logit]);
  }
  return recombineClasses(model, [other, ...classes.map(alone)]);
}
