import { expect, it } from 'vitest';
import { Random } from '../base/index.ts';
import { AdaptiveBatchSize } from './adaptive-batch-size.ts';

it('doubles up to the budget, and then settles below it', () => {
  const batch = new AdaptiveBatchSize({ budgetMs: 20, max: 1000 });
  const sizes: number[] = [];
  // A model of 1 ms + 1 ms a row: 19 rows fit into 20 ms.
  for (let i = 0; i < 200; i++) {
    sizes.push(batch.size);
    batch.observe(batch.size, 1 + batch.size);
  }
  expect(sizes.slice(0, 5)).toEqual([1, 2, 4, 8, 16]);
  expect(sizes.slice(20).every((size) => size >= 15 && size <= 20)).toBe(true);
});

it('holds the wanted share of batches above the budget, whatever the noise', () => {
  const random = new Random(5);
  const batch = new AdaptiveBatchSize({ budgetMs: 20, max: 1000 });
  let exceeded = 0;
  const batches = 200_000;
  for (let i = 0; i < batches; i++) {
    // A heavy tail: log-normal noise around 0.5 ms a row.
    const tookMs = batch.size * 0.5 * Math.exp(0.3 * random.normal());
    if (tookMs > 20 && i > 1000) exceeded++;
    batch.observe(batch.size, tookMs);
  }
  expect(exceeded / batches).toBeGreaterThan(0.005);
  expect(exceeded / batches).toBeLessThan(0.02);
});

it('grows only by full batches, never beyond the maximum, and never falls below one row', () => {
  const batch = new AdaptiveBatchSize({ budgetMs: 10, max: 8 });
  batch.observe(1, 1);
  batch.observe(2, 1);
  expect(batch.size).toBe(4);
  batch.observe(3, 1);
  expect(batch.size).toBe(4);
  batch.observe(4, 1);
  batch.observe(8, 1);
  expect(batch.size).toBe(8);
  for (let i = 0; i < 100; i++) batch.observe(batch.size, 11);
  expect(batch.size).toBe(1);
});

it('comes back after the machine was slow for a while', () => {
  const batch = new AdaptiveBatchSize({ budgetMs: 20, max: 64 });
  for (let i = 0; i < 50; i++) batch.observe(batch.size, batch.size);
  for (let i = 0; i < 10; i++) batch.observe(batch.size, 100);
  const low = batch.size;
  for (let i = 0; i < 3000; i++) batch.observe(batch.size, batch.size);
  expect(batch.size).toBeGreaterThan(low * 2);
});

it('one stalled batch costs a step, not the size', () => {
  const batch = new AdaptiveBatchSize({ budgetMs: 50, max: 32 });
  batch.observe(1, 400);
  for (let i = 0; i < 6; i++) batch.observe(batch.size, 10);
  expect(batch.size).toBe(32);
  batch.observe(1, 51);
  expect(batch.size).toBe(28);
  for (let i = 0; i < 120; i++) batch.observe(batch.size, 10);
  expect(batch.size).toBe(32);
});

it('does not shrink for stalls of the machine, which have nothing to do with the size', () => {
  const random = new Random(2);
  const batch = new AdaptiveBatchSize({ budgetMs: 50, max: 32 });
  for (let i = 0; i < 2000; i++) {
    const expectedMs = batch.size;
    batch.observe(batch.size, random.uniform() < 0.1 ? 120 : expectedMs, expectedMs);
  }
  expect(batch.size).toBe(32);
});
