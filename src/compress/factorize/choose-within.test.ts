import { expect, it } from 'vitest';
import { Random } from '../../base/index.ts';
import { type CostedOption, chooseWithin } from './choose-within.ts';

const lossOf = (layers: readonly (readonly CostedOption[])[], chosen: readonly number[]): number =>
  chosen.reduce((sum, option, i) => sum + (layers[i]?.[option]?.loss ?? Number.NaN), 0);
const costOf = (layers: readonly (readonly CostedOption[])[], chosen: readonly number[]): number =>
  chosen.reduce((sum, option, i) => sum + (layers[i]?.[option]?.cost ?? Number.NaN), 0);

/** The least loss of all combinations within the budget. */
function exhaustive(layers: readonly (readonly CostedOption[])[], budget: number): number {
  const [first, ...rest] = layers;
  if (first === undefined) return budget >= -1e-9 ? 0 : Number.POSITIVE_INFINITY;
  return Math.min(...first.map(({ loss, cost }) => loss + exhaustive(rest, budget - cost)));
}

it('keeps what is best where the budget allows all, and says where it allows nothing', () => {
  const layers = [
    [
      { loss: 0, cost: 0 },
      { loss: 1, cost: -5 },
    ],
    [
      { loss: 0, cost: 0 },
      { loss: 2, cost: -3 },
    ],
  ];
  expect(chooseWithin(layers, 0)).toEqual([0, 0]);
  expect(chooseWithin(layers, -5)).toEqual([1, 0]);
  expect(chooseWithin(layers, -8)).toEqual([1, 1]);
  expect(chooseWithin(layers, -8.1)).toBeUndefined();
  // Two thirds of what could be saved: neither option alone is enough.
  expect(chooseWithin(layers, -5.5)).toEqual([1, 1]);
});

it('finds the best of all combinations, but for a thousandth of the budget', () => {
  for (let seed = 0; seed < 30; seed++) {
    const random = new Random(seed);
    const layers = Array.from({ length: 5 }, () => [
      { loss: 0, cost: 0 },
      ...Array.from({ length: 4 }, () => {
        const saved = random.uniform();
        // What saves more loses more, as ranks do.
        return { loss: saved ** 2 * random.uniform(0.8, 1.2), cost: -saved };
      }),
    ]);
    const least = layers.reduce((sum, options) => sum + Math.min(...options.map(({ cost }) => cost)), 0);
    for (const part of [0.2, 0.5, 0.8]) {
      const chosen = chooseWithin(layers, part * least) ?? [];
      expect(costOf(layers, chosen)).toBeLessThanOrEqual(part * least + 1e-12);
      expect(lossOf(layers, chosen)).toBeLessThanOrEqual(exhaustive(layers, 1.001 * part * least) + 1e-9);
    }
  }
});
