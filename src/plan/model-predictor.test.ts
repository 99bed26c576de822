import { describe, expect, it } from 'vitest';
import { fakeModel, image } from '../../test/fake-model.ts';
import { predictorContract } from '../../test/predictor-contract.ts';
import { ModelPredictor } from './model-predictor.ts';

describe('ModelPredictor', () => {
  describe('on whole batches', () =>
    predictorContract(async () => ({ predictor: new ModelPredictor('root', fakeModel(1)), image })));
  describe('on chunks of 3', () =>
    predictorContract(async () => ({ predictor: new ModelPredictor('root', fakeModel(1), { maxBatch: 3 }), image })));

  it('cuts a batch into chunks of nearly one size', async () => {
    const sizes: number[] = [];
    const predictor = new ModelPredictor('root', fakeModel(1), { maxBatch: 32, onRun: (rows) => sizes.push(rows) });
    await predictor.predict({ count: 70, data: new Float32Array(70 * 3) });
    expect(sizes.sort((a, b) => b - a)).toEqual([24, 24, 22]);
  });

  it('refuses images of another size', async () => {
    const predictor = new ModelPredictor('root', fakeModel(1));
    await expect(predictor.predict({ count: 2, data: new Float32Array(5) })).rejects.toThrow(
      'root: 2 images must be 6 floats, received 5',
    );
  });
});
