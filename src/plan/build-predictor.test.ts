import { describe, expect, it } from 'vitest';
import { fakeModel } from '../../test/fake-model.ts';
import { buildPredictor } from './build-predictor.ts';
import { ModelPredictor } from './model-predictor.ts';
import type { Plan, PlanNode } from './plan.ts';
import { walk } from './predictor.ts';

const leaf = (file: string): PlanNode => ({ kind: 'model', file });
const cascade = (small: PlanNode, big: PlanNode): PlanNode => ({ kind: 'cascade', small, big, confidence: 0.5 });
const planOf = (root: PlanNode, labels = ['a', 'b', 'c']): Plan => ({
  name: 'test',
  input: { name: 'input', shape: [1, 1, 3], mean: [0], std: [1] },
  labels,
  root,
});

describe('buildPredictor()', () => {
  it('gives nested cascades the paths of the file', async () => {
    const opened: string[] = [];
    const predictor = await buildPredictor(
      planOf(cascade(leaf('a'), cascade(leaf('b'), leaf('c')))),
      async (node, path) => {
        opened.push(`${path} ${node.file}`);
        return new ModelPredictor(path, fakeModel(1));
      },
    );
    expect(opened).toEqual([
      'root.cascade.small a',
      'root.cascade.big.cascade.small b',
      'root.cascade.big.cascade.big c',
    ]);
    expect([...walk(predictor)].map(({ path, kind }) => `${path} ${kind}`)).toEqual([
      'root cascade',
      'root.cascade.small model',
      'root.cascade.big cascade',
      'root.cascade.big.cascade.small model',
      'root.cascade.big.cascade.big model',
    ]);
  });

  it('refuses scores that do not fit the labels', async () => {
    const built = buildPredictor(
      planOf(leaf('a.onnx'), ['a', 'b']),
      async (_, path) => new ModelPredictor(path, fakeModel(1)),
    );
    await expect(built).rejects.toMatchObject({
      code: 'invalid-argument',
      message: "Cannot build plan 'test': root must score 2 classes, one a label, received 3",
    });
  });
});
