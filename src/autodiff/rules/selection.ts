/** Constant matrices that pick or mix the elements along an axis; their transposes are the gradients of doing so. */
import { Tensor } from '../../graph/index.ts';
import type { Terms } from '../terms.ts';

/** What makes element i of a resampled axis: places in the source, and their weights. */
export type Mixture = readonly (readonly [place: number, weight: number])[];

/** [mixtures, size], of the type of `like`: row i holds the weights of mixture i. A matrix that the step reads once. */
export function mixing(t: Terms, like: string, mixtures: readonly Mixture[], size: number): string {
  const elements = new Float64Array(mixtures.length * size);
  for (const [i, mixture] of mixtures.entries()) {
    for (const [place, weight] of mixture) elements[i * size + place] = (elements[i * size + place] ?? 0) + weight;
  }
  return t.writer.constant(Tensor.of(t.dtype(like), [mixtures.length, size], elements));
}

/** [places, size]: row i is 1 at place i and 0 elsewhere; a place out of the axis is nowhere. */
export function selection(t: Terms, like: string, places: readonly number[], size: number): string {
  const there = (place: number): Mixture => (place >= 0 && place < size ? [[place, 1]] : []);
  return mixing(t, like, places.map(there), size);
}
