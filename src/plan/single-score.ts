/** A model of one score, for yes or no: it tells two classes apart, and the score is that of the second. */
import type { ScoreScale } from './predictor.ts';

/** How many classes so many scores tell apart. */
export function classesOf(scores: number): number {
  return Math.max(scores, 2);
}

/**
 * Rows of two scores that mean the same: the softmax of [0, x] is [1 − σ(x), σ(x)].
 * @param scores one a row: logits before a sigmoid, or the probabilities behind it
 */
export function asTwoClasses(scores: Float32Array, scale: ScoreScale): Float32Array {
  const pairs = new Float32Array(2 * scores.length);
  for (const [i, score] of scores.entries()) {
    pairs[2 * i] = scale === 'probabilities' ? 1 - score : 0;
    pairs[2 * i + 1] = score;
  }
  return pairs;
}
