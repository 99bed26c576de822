/** A budget of epochs over several trainings, some of which get less than one. */
import { type Dataset, partSampler, shuffledSampler } from '../../data/index.ts';
import type { FineTuneOptions } from '../fine-tune.ts';

/**
 * What makes a training one of so many epochs, where whole ones are too many: more of them, each of a part of the images.
 * @param epochs any number from 0 @param seed of which images they are
 */
export function partEpochs(
  epochs: number,
  training: Dataset,
  seed: number,
): Pick<FineTuneOptions, 'epochs' | 'sampler' | 'seed'> {
  const whole = Math.ceil(epochs);
  if (whole === 0) return { epochs: 0 };
  const size = Math.max(1, Math.round((training.size * epochs) / whole));
  return { epochs: whole, seed, sampler: partSampler(shuffledSampler(training.size, seed), size) };
}

/** The epochs of each pruning step, and last those of the codebooks; the last pruning has three times as many as each other part. */
export function epochsOfSteps(epochs: number, pruningSteps: number): number[] {
  const parts = [...new Array<number>(pruningSteps - 1).fill(1), LAST_PRUNING, 1];
  const sum = parts.reduce((a, b) => a + b);
  return parts.map((part) => (epochs * part) / sum);
}

/** Where most of what pruning broke is mended. */
const LAST_PRUNING = 3;
