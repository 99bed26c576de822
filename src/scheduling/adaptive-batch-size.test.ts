import { describe, expect, it } from 'vitest';
import { Random } from '../base/index.ts';
import { AdaptiveBatchSize } from './adaptive-batch-size.ts';

/** Feeds full batches, as where any number of rows waits, that take as long as `tookMs` says; gives the sizes that they had. */
function feed(batch: AdaptiveBatchSize, batches: number, tookMs: (rows: number) => number): number[] {
  return Array.from({ length: batches }, () => {
    const rows = batch.sizeFor(Number.POSITIVE_INFINITY);
    batch.observe(rows, tookMs(rows));
    return rows;
  });
}

it('tries doubled sizes up to the budget, and then settles below it', () => {
  const batch = new AdaptiveBatchSize({ budgetMs: 20, max: 1000 });
  // A model of 10 ms + 1 ms a row: 10 rows fit into 20 ms.
  const sizes = feed(batch, 200, (rows) => 10 + rows);
  expect([...new Set(sizes.slice(0, 17))]).toEqual([1, 2, 4, 8, 16]);
  expect(sizes.slice(60).every((size) => size >= 7 && size <= 10)).toBe(true);
});

it('holds the wanted share of batches above the budget, whatever the noise', () => {
  const random = new Random(5);
  const batch = new AdaptiveBatchSize({ budgetMs: 20, max: 1000 });
  let exceeded = 0;
  const batches = 200_000;
  for (let i = 0; i < batches; i++) {
    // A heavy tail: log-normal noise around 5 ms and 0.05 ms a row.
    const rows = batch.sizeFor(Number.POSITIVE_INFINITY);
    const tookMs = (5 + rows * 0.05) * Math.exp(0.3 * random.normal());
    if (tookMs > 20 && i > 1000) exceeded++;
    batch.observe(rows, tookMs);
  }
  expect(exceeded / batches).toBeGreaterThan(0.005);
  expect(exceeded / batches).toBeLessThan(0.02);
});

describe('is no larger than pays:', () => {
  const settled = (tookMs: (rows: number) => number) => {
    const batch = new AdaptiveBatchSize({ budgetMs: 1000, max: 64 });
    feed(batch, 1000, tookMs);
    return batch.size;
  };

  it('1 where every row takes as long', () => expect(settled((rows) => 5 * rows)).toBe(1));
  it('more where rows take no longer than handing them over', () => expect(settled((rows) => rows / 100)).toBe(64));
  it('the maximum where a batch takes as long as a row', () => expect(settled(() => 3)).toBe(64));
  // A row of a batch of n takes (0.4/n + 4 + 0.1/n) ms, with what it costs to hand over: 4 are within 5 % of the best.
  it('some where each batch costs a little', () => expect(settled((rows) => 0.4 + 4 * rows)).toBe(4));
  it('what fits into the cache where more does not', () =>
    expect(settled((rows) => 1 + rows * (rows > 8 ? 1.5 : 1))).toBe(8));

  it('what the engine gains, not what waits for it', () => {
    const batch = new AdaptiveBatchSize({ budgetMs: 1000, max: 64 });
    // 5 ms pass before anyone looks at an answer, now and then none.
    for (let i = 0; i < 1000; i++) {
      const rows = batch.sizeFor(64);
      batch.observe(rows, rows + (i % 3) * 5, rows);
    }
    // A row takes (1 + 0.1/n) ms: 2 are within 5 % of the best.
    expect(batch.size).toBe(2);
  });

  it('finds out again after a while', () => {
    const batch = new AdaptiveBatchSize({ budgetMs: 1000, max: 64 });
    feed(batch, 1000, (rows) => 5 * rows);
    expect(batch.size).toBe(1);
    feed(batch, 25_000, () => 5);
    expect(batch.size).toBe(64);
  });
});

it('tries a size only where rows fill it, and does with the best so far meanwhile', () => {
  const batch = new AdaptiveBatchSize({ budgetMs: 10, max: 6 });
  for (let i = 0; i < 100; i++) batch.observe(1, 1);
  expect([batch.size, batch.sizeFor(1), batch.sizeFor(2), batch.sizeFor(100)]).toEqual([1, 1, 2, 2]);
  for (let i = 0; i < 4; i++) batch.observe(2, 1);
  expect([batch.size, batch.sizeFor(3), batch.sizeFor(4)]).toEqual([2, 2, 4]);
  feed(batch, 50, () => 1);
  expect([batch.size, batch.sizeFor(100)]).toEqual([6, 6]);
});

it('grows only by full batches, and never falls below one row', () => {
  const batch = new AdaptiveBatchSize({ budgetMs: 10, max: 8 });
  feed(batch, 50, () => 1);
  batch.observe(8, 11);
  expect(batch.size).toBe(7);
  for (let i = 0; i < 1000; i++) batch.observe(3, 1);
  expect(batch.size).toBe(7);
  feed(batch, 1000, () => 1);
  expect(batch.size).toBe(8);
  feed(batch, 100, () => 11);
  expect(batch.size).toBe(1);
});

it('comes back after the machine was slow for a while', () => {
  const batch = new AdaptiveBatchSize({ budgetMs: 20, max: 64 });
  feed(batch, 50, (rows) => 8 + rows / 8);
  feed(batch, 10, () => 100);
  const low = batch.size;
  feed(batch, 3000, (rows) => 8 + rows / 8);
  expect(batch.size).toBeGreaterThan(low * 2);
});

it('one stalled batch costs a step, not the size', () => {
  const batch = new AdaptiveBatchSize({ budgetMs: 50, max: 32 });
  batch.observe(1, 400);
  feed(batch, 30, () => 10);
  expect(batch.size).toBe(32);
  batch.observe(1, 51);
  expect(batch.size).toBe(28);
  feed(batch, 120, () => 10);
  expect(batch.size).toBe(32);
});

it('does not shrink for stalls of the machine, which have nothing to do with the size', () => {
  const random = new Random(2);
  const batch = new AdaptiveBatchSize({ budgetMs: 50, max: 32 });
  for (let i = 0; i < 2000; i++) {
    const rows = batch.sizeFor(Number.POSITIVE_INFINITY);
    const expectedMs = 10 + rows;
    const tookMs = random.uniform() < 0.1 ? 120 : expectedMs;
    batch.observe(rows, tookMs, tookMs, expectedMs);
  }
  expect(batch.size).toBe(32);
});
