/** Confidence as the Yin-Yang paper (section III) defines it: the largest softmax probability. */
import type { ScoreScale } from './predictor.ts';

/** The largest probability of the row `scores[start, start + classes)`; NaN where one of its scores is NaN. */
export function confidenceOf(scores: Float32Array, start: number, classes: number, scale: ScoreScale): number {
  let max = Number.NEGATIVE_INFINITY;
  for (let i = start; i < start + classes; i++) {
    const score = scores[i] as number;
    if (score > max) max = score;
  }
  if (scale === 'probabilities') {
    for (let i = start; i < start + classes; i++) if (Number.isNaN(scores[i])) return Number.NaN;
    return max;
  }
  // max_j e^{z_j} / Σ_k e^{z_k} = 1 / Σ_k e^{z_k − max}
  let sum = 0;
  for (let i = start; i < start + classes; i++) sum += Math.exp((scores[i] as number) - max);
  return 1 / sum;
}

/** The probabilities of one row: its softmax, or itself where it holds probabilities already. */
export function probabilitiesOf(scores: Float32Array, start: number, classes: number, scale: ScoreScale): Float32Array {
  const row = scores.slice(start, start + classes);
  if (scale === 'probabilities') return row;
  let max = Number.NEGATIVE_INFINITY;
  for (const score of row) if (score > max) max = score;
  let sum = 0;
  for (let i = 0; i < classes; i++) {
    const exponential = Math.exp((row[i] as number) - max);
    row[i] = exponential;
    sum += exponential;
  }
  for (let i = 0; i < classes; i++) row[i] = (row[i] as number) / sum;
  return row;
}

/** The index of the largest score of one row, the first of equals. */
export function argmax(scores: ArrayLike<number>, start = 0, classes = scores.length): number {
  let best = start;
  for (let i = start + 1; i < start + classes; i++) {
    if ((scores[i] as number) > (scores[best] as number)) best = i;
  }
  return best - start;
}
