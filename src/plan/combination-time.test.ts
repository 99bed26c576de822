import { expect, it } from 'vitest';
import { combinationTimes } from './combination-time.ts';
import type { PlanNode } from './plan.ts';

const leaf: PlanNode = { kind: 'model', file: 'x.onnx' };
const parts = (classes: number, each: number, node: PlanNode = leaf): PlanNode => ({
  kind: 'parallel',
  other: 'subtracted',
  parts: Array.from({ length: classes / each }, (_, part) => ({
    classes: Array.from({ length: each }, (_, i) => part * each + i),
    node,
  })),
});

it('combinationTimes() knows every parallel node by its place, without opening a model', async () => {
  const cascade: PlanNode = { kind: 'cascade', small: leaf, big: parts(4, 2), confidence: 0.5 };
  const times = await combinationTimes(parts(6, 3, cascade));
  const below = (part: number) => `root.parallel.${part}.cascade.big`;
  expect([...times.keys()]).toEqual(['root', below(0), below(1)]);
  for (const ms of times.values()) expect(ms).toBeGreaterThan(0);
  expect(await combinationTimes(leaf)).toEqual(new Map());
});
