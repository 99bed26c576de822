import { expect, it } from 'vitest';
import { observedRanges } from '../../../test/observed-ranges.ts';
import { decibels, firstOutput } from '../../../test/optimized.ts';
import { randomFeeds } from '../../../test/run-onnx.ts';
import { differentiate, GraphWriter } from '../../autodiff/index.ts';
import { trainableInitializers } from '../../ops/index.ts';
import { buildArchitecture } from '../../zoo/index.ts';
import { fakeQuantizedModel, withWeightsOf } from './fake-quantized-model.ts';
import { planQuantization, prepareForQuantization } from './plan-quantization.ts';
import { quantizeModel, rangeValues } from './quantize-model.ts';

async function calibrated(name: string, opset = 17) {
  const built = buildArchitecture(name, { classes: 10, inputShape: [3, 32, 32], seed: 1 });
  const model = { ...built, opsets: new Map([['', opset]]) };
  const prepared = prepareForQuantization(model);
  const feeds = randomFeeds(model, 5);
  return {
    model,
    prepared,
    feeds,
    ranges: await observedRanges(prepared, rangeValues(planQuantization(prepared)), feeds),
  };
}

it.each([
  ['resnet8', 17, 8],
  ['resnet8', 17, 4],
  ['squeezenet', 18, 8],
  ['vgg11:width=0.125', 17, 6],
  ['lenet5', 13, 8],
])(
  'fakeQuantizedModel() of %s (operator set %i, %i bits) computes what the quantised one does',
  async (name, opset, bits) => {
    const { model, feeds, ranges } = await calibrated(name, opset);
    const options = { weightBits: bits, activationBits: bits };
    const expected = await firstOutput(quantizeModel(model, ranges, options), feeds, 'disabled');
    const received = await firstOutput(fakeQuantizedModel(model, ranges, options), feeds, 'disabled');
    // Biases are not rounded here, and a tie may go the other way.
    expect(decibels(received, expected)).toBeGreaterThan(35);
  },
);

it('fakeQuantizedModel() has the weights of the model, all with a gradient', async () => {
  const { model, prepared, ranges } = await calibrated('resnet8');
  const fake = fakeQuantizedModel(model, ranges);
  const names = trainableInitializers(fake.graph).filter(
    (name) => fake.graph.initializers.get(name)?.dtype === 'float32',
  );
  expect(new Set(names)).toEqual(new Set(trainableInitializers(prepared.graph)));
  const writer = new GraphWriter(fake);
  const gradients = differentiate(writer, { seeds: new Map([['logits', 'logits']]), wrt: names });
  expect([...gradients.keys()]).toEqual(names);
  expect(withWeightsOf(model, fake)).toEqual(prepared);
});
