import { describe, expect, it } from 'vitest';
import { fakeModel, image } from '../../test/fake-model.ts';
import { predictorContract } from '../../test/predictor-contract.ts';
import { SkeinError } from '../base/index.ts';
import { CascadePredictor } from './cascade-predictor.ts';
import { ModelPredictor } from './model-predictor.ts';
import type { ScoreScale } from './predictor.ts';

const model = (path: string, gain: number, scale?: ScoreScale) => new ModelPredictor(path, fakeModel(gain, scale));
const pair = (confidence: number) =>
  new CascadePredictor('root', model('root.cascade.small', 1), model('root.cascade.big', 2), confidence);
const batch = (...rows: number[][]) => ({ count: rows.length, data: Float32Array.from(rows.flat()) });

describe('CascadePredictor', () => {
  describe('of two models', () => predictorContract(async () => ({ predictor: pair(0.8), image })));
  describe('of three stages', () =>
    predictorContract(async () => ({
      predictor: new CascadePredictor(
        'root',
        model('root.cascade.small', 1),
        new CascadePredictor(
          'root.cascade.big',
          model('root.cascade.big.cascade.small', 1.5),
          model('root.cascade.big.cascade.big', 3),
          0.6,
        ),
        0.9,
      ),
      image,
    })));

  // softmax([ln 8, 0, 0]) = [0.8, 0.1, 0.1], softmax([ln 2, 0, 0]) = [0.5, 0.25, 0.25]
  it('asks the big model for the unsure rows only, in one batch', async () => {
    const cascade = pair(0.7);
    const scores = await cascade.predict(
      batch([Math.log(8), 0, 0], [0, Math.log(2), 0], [0, 0, Math.log(8)], [Math.log(2), 0, 0]),
    );
    expect(scores.answeredBy).toEqual([
      'root.cascade.small',
      'root.cascade.big',
      'root.cascade.small',
      'root.cascade.big',
    ]);
    expect(cascade.children.map(({ rows }) => rows)).toEqual([4, 2]);
    // The big model's gain is 2: its logits are ln 4.
    expect(scores.data[3 + 1]).toBeCloseTo(Math.log(4), 5);
    expect(scores.data[0]).toBeCloseTo(Math.log(8), 5);
  });

  it('does not count rows that a model refuses', async () => {
    const full = new SkeinError('queue-full', 'full');
    const model = { ...fakeModel(1), run: async () => Promise.reject(full) };
    const cascade = new CascadePredictor(
      'root',
      new ModelPredictor('root.cascade.small', model),
      new ModelPredictor('root.cascade.big', fakeModel(2)),
      0.7,
    );
    await expect(cascade.predict(batch([1, 2, 3]))).rejects.toBe(full);
    expect([cascade, ...cascade.children].map(({ rows }) => rows)).toEqual([0, 0, 0]);
  });

  it('refuses two predictors of different numbers of classes', () => {
    const big = new ModelPredictor('root.cascade.big', { ...fakeModel(1), classes: 4 });
    expect(() => new CascadePredictor('root', model('root.cascade.small', 1), big, 0.7)).toThrow(
      'root.cascade.big must score 3 classes, as root.cascade.small does, received 4',
    );
  });

  it('keeps a row whose confidence equals the threshold', async () => {
    const scores = await pair(1 / 3).predict(batch([0, 0, 0]));
    expect(scores.answeredBy).toEqual(['root.cascade.small']);
  });

  it('sends a row of NaN on at every threshold', async () => {
    const scores = await pair(0).predict(batch([1, 2, 3], [Number.NaN, 0, 9]));
    expect(scores.answeredBy).toEqual(['root.cascade.small', 'root.cascade.big']);
  });

  it('gives probabilities for all rows where one model gives them', async () => {
    const big = model('root.cascade.big', 1, 'probabilities');
    const cascade = new CascadePredictor('root', model('root.cascade.small', 1), big, 0.7);
    expect(cascade.scale).toBe('probabilities');
    const scores = await cascade.predict(batch([Math.log(8), 0, 0], [0.2, 0.3, 0.5]));
    expect(scores.answeredBy).toEqual(['root.cascade.small', 'root.cascade.big']);
    for (const [i, value] of [0.8, 0.1, 0.1, 0.2, 0.3, 0.5].entries()) expect(scores.data[i]).toBeCloseTo(value, 6);
  });
});
