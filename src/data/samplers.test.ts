import { describe, expect, it } from 'vitest';
import {
  balancedSampler,
  halfPositiveSampler,
  inverseFrequencyWeights,
  partSampler,
  shuffledSampler,
} from './samplers.ts';

/** 60 of class 0, 30 of class 1, 10 of class 3; none of class 2. */
const LABELS = Int32Array.from({ length: 100 }, (_, i) => (i < 60 ? 0 : i < 90 ? 1 : 3));
const sorted = (order: ArrayLike<number>) => Array.from(order).sort((a, b) => a - b);
const everyIndex = Array.from({ length: 100 }, (_, i) => i);
const labelOf = (i: number) => LABELS[i] as number;

function counts(order: Iterable<number>): Record<number, number> {
  const found: Record<number, number> = {};
  for (const i of order) found[labelOf(i)] = (found[labelOf(i)] ?? 0) + 1;
  return found;
}

/** The first of every run of so many. */
const firstOfEach = (length: number) => (order: readonly number[]) => order.filter((_, i) => i % length === 0);

describe.each([
  ['shuffled', (seed: number) => shuffledSampler(100, seed)],
  ['balanced', (seed: number) => balancedSampler(LABELS, seed)],
  ['half positive', (seed: number) => halfPositiveSampler(LABELS, [1, 3], seed)],
])('a %s order', (_, sampler) => {
  it('follows from seed and epoch alone, and differs between them', () => {
    const once = sampler(5);
    const epochs = [0, 1, 2].map((epoch) => once.order(epoch));
    expect(epochs[0]).toHaveLength(once.size);
    expect(sampler(5).order(2)).toEqual(epochs[2]);
    expect(epochs[0]).not.toEqual(epochs[1]);
    expect(sampler(6).order(0)).not.toEqual(epochs[0]);
  });
});

it('part: the first images of each epoch of another', () => {
  const [whole, part] = [shuffledSampler(100, 1), partSampler(shuffledSampler(100, 1), 30)];
  expect(part.size).toBe(30);
  for (const epoch of [0, 1]) expect(part.order(epoch)).toEqual(whole.order(epoch).slice(0, 30));
  expect(partSampler(whole, 1000).size).toBe(100);
});

it('shuffled: every image once an epoch, everywhere equally often', () => {
  const sampler = shuffledSampler(100, 1);
  let place = 0;
  const epochs = 2000;
  for (let epoch = 0; epoch < epochs; epoch++) {
    const order = sampler.order(epoch);
    if (epoch < 20) expect(sorted(order)).toEqual(everyIndex);
    place += order.indexOf(7);
  }
  // Uniform on 0 to 99: mean 49.5, variance (100² - 1) / 12; five standard errors.
  expect(Math.abs(place / epochs - 49.5)).toBeLessThan(5 * Math.sqrt(9999 / 12 / epochs));
});

describe('balanced', () => {
  it('has every class once in each run of as many as there are, the last run cut off', () => {
    const order = balancedSampler(LABELS, 2).order(0);
    for (let i = 0; i < 99; i += 3) expect(sorted([...order.subarray(i, i + 3)].map(labelOf))).toEqual([0, 1, 3]);
    expect(order).toHaveLength(100);
  });

  it('has the classes of a run in any order', () => {
    const sampler = balancedSampler(LABELS, 2, 99);
    const first = counts(Array.from({ length: 100 }, (_, epoch) => [...sampler.order(epoch)]).flatMap(firstOfEach(3)));
    // 3300 runs begin with each of three classes 1100 times on average; five standard deviations.
    for (const label of [0, 1, 3]) {
      expect(Math.abs((first[label] ?? 0) - 1100)).toBeLessThan(5 * Math.sqrt((3300 * 2) / 9));
    }
  });

  it('repeats a rare class evenly, and takes a frequent one in part, without repeating it', () => {
    const order = balancedSampler(LABELS, 2, 99).order(0);
    expect(counts(order)).toEqual({ 0: 33, 1: 33, 3: 33 });
    const times = (i: number) => order.filter((index) => index === i).length;
    for (const i of everyIndex) {
      if (labelOf(i) === 0) expect(times(i)).toBeLessThanOrEqual(1);
      if (labelOf(i) === 1) expect([1, 2]).toContain(times(i));
      if (labelOf(i) === 3) expect([3, 4]).toContain(times(i));
    }
  });

  it('takes another part of a frequent class each epoch', () => {
    const sampler = balancedSampler(LABELS, 2);
    const seen = new Set([0, 1, 2, 3, 4, 5, 6, 7, 8, 9].flatMap((epoch) => [...sampler.order(epoch)]));
    expect(seen.size).toBe(100);
  });
});

describe('half positive', () => {
  it('has each positive once, and in each pair one negative', () => {
    const order = halfPositiveSampler(LABELS, [1, 3], 3).order(0);
    expect(order).toHaveLength(80);
    expect(sorted(order.filter((i) => labelOf(i) !== 0))).toEqual(everyIndex.slice(60));
    for (let i = 0; i < 80; i += 2) {
      expect([...order.subarray(i, i + 2)].filter((index) => labelOf(index) === 0)).toHaveLength(1);
    }
  });

  it('has the positives in any order, each before or behind its negative', () => {
    const sampler = halfPositiveSampler(LABELS, [1, 3], 3);
    const orders = Array.from({ length: 100 }, (_, epoch) => [...sampler.order(epoch)]);
    const first = orders.flatMap(firstOfEach(2)).filter((i) => labelOf(i) !== 0).length;
    // 4000 pairs, half of them on average; five standard deviations.
    expect(Math.abs(first - 2000)).toBeLessThan(5 * Math.sqrt(4000 / 4));
    const pair = orders.reduce((sum, order) => sum + (order.indexOf(60) >> 1), 0) / orders.length;
    // Uniform on 0 to 39, as above.
    expect(Math.abs(pair - 19.5)).toBeLessThan(5 * Math.sqrt(1599 / 12 / orders.length));
  });

  it('picks the negatives from all of the rest, anew each epoch, none twice before all have come', () => {
    const sampler = halfPositiveSampler(LABELS, [3], 3);
    const negatives = [0, 1].map((epoch) => sampler.order(epoch).filter((i) => labelOf(i) !== 3));
    expect(new Set(negatives[0]).size).toBe(10);
    expect(sorted(negatives[0] as Uint32Array)).not.toEqual(sorted(negatives[1] as Uint32Array));
    const many: number[] = [];
    for (let epoch = 0; epoch < 900; epoch++) many.push(...sampler.order(epoch).filter((i) => labelOf(i) !== 3));
    // 9000 draws of 90 images: 100 each on average, with a variance of 900 × (1/9)(8/9); five standard deviations.
    for (let i = 0; i < 90; i++) {
      expect(Math.abs(many.filter((index) => index === i).length - 100)).toBeLessThan(5 * Math.sqrt((900 * 8) / 81));
    }
    // More positives than negatives: each negative 1 or 2 times for 90 of 10, 9 times each.
    const few = halfPositiveSampler(LABELS, [0, 1], 3).order(0);
    for (let i = 90; i < 100; i++) expect(few.filter((index) => index === i)).toHaveLength(9);
  });

  it.each([[[2]], [[0, 1, 3]]])('refuses classes %j, of which one half has no images', (positives) => {
    expect(() => halfPositiveSampler(LABELS, positives, 0)).toThrow(/^Half positives, half negatives: expected images/);
  });
});

it('inverseFrequencyWeights() are those of scikit-learn', () => {
  // compute_class_weight('balanced', classes=np.array([0, 1, 3]), y=[0]*60 + [1]*30 + [3]*10)
  expect([...inverseFrequencyWeights(LABELS, 4)]).toEqual(
    [0.5555555555555556, 1.1111111111111112, 0, 3.3333333333333335].map(Math.fround),
  );
});
