import { expect, it } from 'vitest';
import { timesOf } from './critical-path.ts';
import type { PlanNode } from './plan.ts';

const leaf: PlanNode = { kind: 'model', file: 'x.onnx' };
const cascade = (small: PlanNode, big: PlanNode): PlanNode => ({ kind: 'cascade', small, big, confidence: 0.5 });
const parallel = (...nodes: PlanNode[]): PlanNode => ({
  kind: 'parallel',
  other: 'subtracted',
  parts: nodes.map((node, index) => ({ classes: [index], node })),
});
const times = (root: PlanNode, ms: Record<string, number>, shares: Record<string, number> = {}) =>
  timesOf(root, {
    msOf: (path) => ms[path] ?? Number.NaN,
    combinationMsOf: (path) => ms[`${path} combined`] ?? 0,
    shareOf: (path) => shares[path] ?? 1,
  });

it('goes along the slowest part and the combination, and says what fewer workers take', () => {
  const parts = { 'root.parallel.0': 4, 'root.parallel.1': 6, 'root.parallel.2': 5, 'root combined': 0.5 };
  expect(times(parallel(leaf, leaf, leaf), parts)).toEqual({
    criticalPathMs: 6.5,
    parallel: [
      {
        path: 'root',
        slowest: 'root.parallel.1',
        combinationMs: 0.5,
        criticalPathMs: 6.5,
        onWorkers: [
          { workers: 1, ms: 15.5 },
          { workers: 2, ms: 9.5 },
        ],
      },
    ],
  });
});

it('counts the big model of a cascade by the images that reach it', () => {
  const root = cascade(leaf, parallel(leaf, cascade(leaf, leaf)));
  const big = 'root.cascade.big';
  const ms = {
    'root.cascade.small': 1,
    [`${big}.parallel.0`]: 3,
    [`${big}.parallel.1.cascade.small`]: 2,
    [`${big}.parallel.1.cascade.big`]: 8,
    [`${big} combined`]: 2,
  };
  const shares = {
    [big]: 0.5,
    [`${big}.parallel.0`]: 0.5,
    [`${big}.parallel.1`]: 0.5,
    [`${big}.parallel.1.cascade.small`]: 0.5,
    [`${big}.parallel.1.cascade.big`]: 0.125,
  };
  // 1 + 0.5 · (max(3, 2 + 0.25 · 8) + 2)
  expect(times(root, ms, shares).criticalPathMs).toBe(4);
  expect(times(root, ms, shares).parallel).toMatchObject([
    { path: big, slowest: `${big}.parallel.1`, criticalPathMs: 6 },
  ]);
  // No image goes on: what was never measured does not matter.
  expect(times(cascade(leaf, leaf), { 'root.cascade.small': 1 }, { 'root.cascade.big': 0 }).criticalPathMs).toBe(1);
});

it('counts the work of a part of parts in full where there are fewer workers', () => {
  const root = parallel(parallel(leaf, leaf), leaf);
  const ms = { 'root.parallel.0.parallel.0': 4, 'root.parallel.0.parallel.1': 4, 'root.parallel.1': 3 };
  expect(times(root, ms).parallel).toMatchObject([
    // 4 + 4 + 3, all that there is to do.
    {
      path: 'root',
      criticalPathMs: 4,
      onWorkers: [
        { workers: 1, ms: 11 },
        { workers: 2, ms: 7 },
      ],
    },
    { path: 'root.parallel.0', criticalPathMs: 4, onWorkers: [{ workers: 1, ms: 8 }] },
  ]);
});

it('counts a cascade as one piece of work, with its big model by its share', () => {
  const root = parallel(cascade(leaf, parallel(leaf, leaf)), leaf);
  const part = 'root.parallel.0.cascade';
  const ms = {
    [`${part}.small`]: 1,
    [`${part}.big.parallel.0`]: 4,
    [`${part}.big.parallel.1`]: 6,
    'root.parallel.1': 2,
  };
  const shares = { [`${part}.big`]: 0.5, [`${part}.big.parallel.0`]: 0.5, [`${part}.big.parallel.1`]: 0.5 };
  // Alone: 1 + 0.5 · max(4, 6). On one worker all of it: 1 + 0.5 · (4 + 6) + 2.
  expect(times(root, ms, shares).parallel[0]).toMatchObject({ criticalPathMs: 4, onWorkers: [{ workers: 1, ms: 8 }] });
});
