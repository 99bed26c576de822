import { describe, expect, it } from 'vitest';
import { mapModels, modelsOf, type PlanNode, roundsOf } from './plan.ts';

const leaf = (file: string): PlanNode => ({ kind: 'model', file });
const cascade = (small: PlanNode, big: PlanNode): PlanNode => ({ kind: 'cascade', small, big, confidence: 0.5 });
const parallel = (...nodes: PlanNode[]): PlanNode => ({
  kind: 'parallel',
  other: 'subtracted',
  parts: nodes.map((node, index) => ({ classes: [index], scale: [2], node })),
});

describe('modelsOf()', () => {
  it('says how many models a request may have gone through before each', () => {
    const depths = (node: PlanNode) => [...modelsOf(node)].map(({ path, depth }) => [path, depth]);
    expect(depths(leaf('a'))).toEqual([['root', 0]]);
    expect(depths(cascade(leaf('a'), cascade(leaf('b'), leaf('c'))))).toEqual([
      ['root.cascade.small', 0],
      ['root.cascade.big.cascade.small', 1],
      ['root.cascade.big.cascade.big', 2],
    ]);
    // The last is asked only after both models of the small cascade.
    expect(depths(cascade(cascade(leaf('a'), leaf('b')), leaf('c')))).toEqual([
      ['root.cascade.small.cascade.small', 0],
      ['root.cascade.small.cascade.big', 1],
      ['root.cascade.big', 2],
    ]);
    // Parts are asked at once.
    expect(depths(parallel(cascade(leaf('a'), leaf('b')), leaf('c')))).toEqual([
      ['root.parallel.0.cascade.small', 0],
      ['root.parallel.0.cascade.big', 1],
      ['root.parallel.1', 0],
    ]);
    expect(depths(cascade(parallel(leaf('a'), leaf('b')), leaf('c')))).toEqual([
      ['root.cascade.small.parallel.0', 0],
      ['root.cascade.small.parallel.1', 0],
      ['root.cascade.big', 1],
    ]);
  });

  it('says which models are asked at once, all that are in one part as one', () => {
    const beside = (node: PlanNode) => [...modelsOf(node)].map((model) => model.beside);
    const behind = beside(cascade(leaf('a'), parallel(leaf('b'), leaf('c'), leaf('d'))));
    expect(behind).toEqual([undefined, { count: 3 }, { count: 3 }, { count: 3 }]);
    expect(new Set(behind).size).toBe(2);
    expect(beside(parallel(cascade(leaf('a'), leaf('b')), leaf('c')))).toEqual(new Array(3).fill({ count: 2 }));
    const [first, , third] = beside(cascade(parallel(leaf('a'), leaf('b')), parallel(leaf('c'), leaf('d'))));
    expect(first).not.toBe(third);
  });
});

it('roundsOf() shares what is asked at once among the workers', () => {
  const ten = parallel(...new Array<PlanNode>(10).fill(leaf('a')));
  expect([1, 2, 4, 10, 99].map((workers) => roundsOf(ten, workers))).toEqual([10, 5, 3, 1, 1]);
  expect(roundsOf(cascade(leaf('a'), ten), 2)).toBe(6);
  expect(roundsOf(parallel(leaf('a'), cascade(leaf('b'), leaf('c'))), 9)).toBe(2);
});

describe('mapModels()', () => {
  it('changes the models and nothing else', async () => {
    const before = cascade(leaf('a'), cascade(leaf('b'), leaf('c')));
    const after = await mapModels(before, async (model, path) => ({ ...model, file: `${model.file} at ${path}` }));
    expect(after).toEqual(
      cascade(
        leaf('a at root.cascade.small'),
        cascade(leaf('b at root.cascade.big.cascade.small'), leaf('c at root.cascade.big.cascade.big')),
      ),
    );
    expect(before).toEqual(cascade(leaf('a'), cascade(leaf('b'), leaf('c'))));
    const parts = await mapModels(parallel(leaf('a'), cascade(leaf('b'), leaf('c'))), async (model, path) => ({
      ...model,
      file: `${model.file} at ${path}`,
    }));
    expect(parts).toEqual(
      parallel(
        leaf('a at root.parallel.0'),
        cascade(leaf('b at root.parallel.1.cascade.small'), leaf('c at root.parallel.1.cascade.big')),
      ),
    );
  });
});
