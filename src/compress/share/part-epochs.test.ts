import { expect, it } from 'vitest';
import { smallImages } from '../../../test/small-training.ts';
import { epochsOfSteps, partEpochs } from './part-epochs.ts';

it('epochsOfSteps() spend the budget, most of it after the last pruning', () => {
  expect(epochsOfSteps(12, 3)).toEqual([2, 2, 6, 2]);
  expect(epochsOfSteps(2, 1)).toEqual([1.5, 0.5]);
  expect(epochsOfSteps(0, 4)).toEqual([0, 0, 0, 0, 0]);
});

it('partEpochs() see as many images as so many epochs have', async () => {
  const training = await smallImages(50);
  expect(partEpochs(0, training, 3)).toEqual({ epochs: 0 });
  for (const [epochs, whole, size] of [
    [0.3, 1, 15],
    [1.5, 2, 38],
    [3, 3, 50],
    [0.001, 1, 1],
  ] as const) {
    const part = partEpochs(epochs, training, 3);
    expect(part).toMatchObject({ epochs: whole, seed: 3, sampler: { size } });
    const order = part.sampler?.order(0) ?? [];
    expect(new Set(order).size).toBe(size);
  }
});
