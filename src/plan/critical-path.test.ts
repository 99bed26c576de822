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
