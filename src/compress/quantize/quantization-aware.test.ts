import { afterAll, expect, it } from 'vitest';
import { smallImages, smallOptions } from '../../../test/small-training.ts';
import { fakeQuantizedModel, quantizeModel, withWeightsOf } from '../../transforms/index.ts';
import { fineTune } from '../fine-tune.ts';
import { Meter } from '../meter.ts';
import { observeHistograms, rangesOf } from './calibrate.ts';

const meter = new Meter();
afterAll(() => meter.close());

it('training with the rounding makes up for it, weights of 2 bits and all', async () => {
  const data = await smallImages(60);
  const { model: fresh, ...options } = smallOptions(data);
  const { preprocessing } = options;
  const model = await fineTune(fresh, { ...options, epochs: 12 });
  const ranges = rangesOf(await observeHistograms(model, meter, data, preprocessing), { method: 'mse' });
  const bits = { weightBits: 2 };
  const loss = async (of: typeof model) => (await meter.accuracy(of, data, preprocessing)).loss;
  const float = await loss(model);
  const rounded = await loss(quantizeModel(model, ranges, bits));
  expect(rounded).toBeGreaterThan(float);
  const fake = fakeQuantizedModel(model, ranges, bits);
  // What is trained computes what will run, up to the rounding of biases.
  expect(await loss(fake)).toBeCloseTo(rounded, 2);
  const trained = await fineTune(fake, { ...options, epochs: 6, rate: 0.01, schedule: 'cosine' });
  const after = await loss(quantizeModel(withWeightsOf(model, trained), ranges, bits));
  expect(after - float).toBeLessThan(0.75 * (rounded - float));
  expect(after).toBeCloseTo(await loss(trained), 2);
});
