import { expect, it } from 'vitest';
import { bestThreshold, entropyRange } from './entropy-range.ts';
import { BINS, Histogram } from './histogram.ts';
import { meanSquaredErrorRange, roundingError } from './mean-squared-error-range.ts';
import { percentileRange, rangeOf } from './range-methods.ts';

const NUMBERS = Float32Array.from({ length: 5000 }, (_, i) => 2 * Math.sin(1.7 * i) ** 3 + 0.3 * Math.cos(0.01 * i));

function histogramOf(numbers: Float32Array): Histogram {
  const histogram = new Histogram(Math.min(...numbers), Math.max(...numbers));
  histogram.add(numbers);
  return histogram;
}

it('Histogram counts as numpy.histogram does', () => {
  const { counts, total } = histogramOf(NUMBERS);
  expect([counts[0], counts[5], counts[1000], counts[2047], total]).toEqual([4, 0, 4, 1, 5000]);
});

it('Histogram of one number', () => {
  const histogram = histogramOf(Float32Array.of(3, 3));
  expect(histogram.total).toBe(2);
  for (const method of ['min-max', 'percentile', 'entropy'] as const) {
    expect(rangeOf(histogram, { method })).toEqual([3, 3]);
  }
  expect(rangeOf(histogram, { method: 'mse' })).toEqual([0, 3]);
});

// numpy.quantile of the numbers themselves.
it.each([
  [99, -2.25667394, 2.25359628],
  [99.9, -2.29277979, 2.29224261],
  [90, -1.92930808, 1.92864295],
])('percentileRange() keeps %f percent', (percentile, low, high) => {
  const histogram = histogramOf(NUMBERS);
  const range = percentileRange(histogram, percentile);
  expect(range[0]).toBeLessThanOrEqual(low);
  expect(range[0]).toBeGreaterThan(low - 2 * histogram.width);
  expect(range[1]).toBeGreaterThanOrEqual(high);
  expect(range[1]).toBeLessThan(high + 2 * histogram.width);
});

it('percentileRange() of 100 is everything, and of nonsense refused', () => {
  const histogram = histogramOf(NUMBERS);
  expect(percentileRange(histogram, 100)).toEqual([histogram.low, histogram.high]);
  for (const percentile of [0, -1, 101, Number.NaN])
    expect(() => percentileRange(histogram, percentile)).toThrow('percent');
});

/** 10^6 magnitudes as of a Laplace distribution of scale 1, up to 20. */
function laplace(): Float64Array {
  const mass = Float64Array.from(
    { length: BINS },
    (_, i) => Math.exp((-20 * i) / BINS) - Math.exp((-20 * (i + 1)) / BINS),
  );
  const total = mass.reduce((sum, each) => sum + each, 0);
  return mass.map((each) => Math.floor((1e6 * each) / total + 0.5));
}

// The algorithm of NVIDIA's pytorch-quantization (calib/histogram.py) in NumPy, with a stride of 4.
it.each([
  [128, 1012],
  [256, 1012],
  [16, 752],
])('bestThreshold() for %i levels', (levels, bins) => {
  expect(bestThreshold(laplace(), levels)).toBe(bins);
});

it('entropyRange() looks at magnitudes, and not at what ReLU made 0', () => {
  const counts = laplace();
  const positive = new Histogram(0, 20, counts);
  expect(entropyRange(positive)).toEqual([0, (1012 * 20) / BINS]);
  const zeros = counts.with(0, 1e9);
  expect(entropyRange(new Histogram(0, 20, zeros))).toEqual([0, (1012 * 20) / BINS]);
  expect(entropyRange(new Histogram(-20, 0, counts.toReversed()))).toEqual([(-1012 * 20) / BINS, 0]);
});

it.each([
  ['as far on both sides', -20, 16],
  ['a tenth as far below', -2, 29],
])('entropyRange() gives the larger side its share of 32 levels: %s', (_, low, levels) => {
  // Nothing was seen below but at its end: it only takes levels away.
  const bins = new Float64Array(BINS);
  const seen = laplace();
  for (let i = 0; i < BINS; i++) {
    const center = low + ((i + 0.5) * (20 - low)) / BINS;
    if (center > 0) bins[i] = seen[Math.floor((center / 20) * BINS)] ?? 0;
  }
  const [, high] = entropyRange(new Histogram(low, 20, bins), 5);
  const of = (some: number): number => (bestThreshold(seen, some) * 20) / BINS;
  expect(Math.abs(high - of(levels))).toBeLessThan(0.4);
  expect(of(29) - of(16)).toBeGreaterThan(0.8);
});

it('meanSquaredErrorRange() of a Gaussian is that of its best uniform quantiser', () => {
  const counts = new Float64Array(BINS);
  const gaussian = new Histogram(-5, 5, counts);
  for (let i = 0; i < BINS; i++) counts[i] = 1e6 * Math.exp(-(gaussian.center(i) ** 2) / 2);
  // Max, Quantizing for minimum distortion (1960), table II: steps for 8, 16 and 32 levels. Ours has a level at 0.
  for (const [bits, step] of [
    [3, 0.586],
    [4, 0.3352],
    [5, 0.1881],
  ] as const) {
    const [low, high] = meanSquaredErrorRange(gaussian, bits);
    expect((high - low) / (2 ** bits - 1) / step).toBeCloseTo(1, 1);
  }
});

it('meanSquaredErrorRange() is no worse than everything, and cuts off what is far away', () => {
  const counts = laplace();
  counts[BINS - 1] = 1;
  const histogram = new Histogram(0, 20, counts);
  const [low, high] = meanSquaredErrorRange(histogram, 4);
  expect(low).toBe(0);
  expect(high).toBeLessThan(10);
  expect(roundingError(histogram, [low, high], 4)).toBeLessThan(roundingError(histogram, [0, 20], 4));
});
