import { expect, it } from 'vitest';
import { chooseQueue, type WaitingQueue } from './choose-queue.ts';

const queue = (change: Partial<WaitingQueue>): WaitingQueue => ({
  waitingRows: 1,
  batchSize: 8,
  headPriority: 5,
  waitedMs: 0,
  budgetMs: 20,
  depth: 0,
  siblings: undefined,
  nextBatchMs: 0,
  ...change,
});

it('chooses nothing where nothing waits, and the only one that does', () => {
  expect(chooseQueue([queue({ waitingRows: 0 })])).toBeUndefined();
  const only = queue({});
  expect(chooseQueue([queue({ waitingRows: 0 }), only])).toBe(only);
});

it('chooses the fuller batch; the deeper of two full ones', () => {
  const full = queue({ waitingRows: 30 });
  const half = queue({ waitingRows: 4, depth: 1 });
  expect(chooseQueue([full, half])).toBe(full);
  const deep = queue({ waitingRows: 8, depth: 1 });
  expect(chooseQueue([full, deep])).toBe(deep);
});

it('does not let a row wait beyond its budget for company', () => {
  const full = queue({ waitingRows: 30 });
  const old = queue({ waitingRows: 1, waitedMs: 21, depth: 1 });
  expect(chooseQueue([full, old])).toBe(old);
});

it('serves the higher priority first', () => {
  const full = queue({ waitingRows: 30, waitedMs: 100 });
  const urgent = queue({ headPriority: 1 });
  expect(chooseQueue([full, urgent])).toBe(urgent);
});

it('serves parts of the same rows longest batch first, as pressing as the one that presses most', () => {
  const siblings = {};
  const short = queue({ siblings, nextBatchMs: 2, waitingRows: 8 });
  const long = queue({ siblings, nextBatchMs: 5, waitingRows: 1 });
  const middle = queue({ siblings, nextBatchMs: 3, waitingRows: 1 });
  expect(chooseQueue([short, long, middle])).toBe(long);
  expect(chooseQueue([short, middle])).toBe(middle);
  const other = queue({ waitingRows: 7 });
  expect(chooseQueue([other, short, long])).toBe(long);
  expect(chooseQueue([other, middle, long])).toBe(other);
  const unknown = queue({ siblings });
  expect(chooseQueue([long, unknown, short])).toBe(unknown);
  const urgent = queue({ siblings, headPriority: 1 });
  expect(chooseQueue([long, urgent])).toBe(urgent);
});
