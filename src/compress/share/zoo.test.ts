import { expect, it } from 'vitest';
import { randomFeeds, runModel } from '../../../test/run-onnx.ts';
import { smallImages } from '../../../test/small-training.ts';
import { gradientModel } from '../../autodiff/index.ts';
import { validateModel } from '../../graph/index.ts';
import { encodeSkz, parseModel } from '../../onnx/index.ts';
import { inferShapes, trainableInitializers } from '../../ops/index.ts';
import { magnitudeMasks, shareWeights, weightTensors, withCodebooks, withMasks } from '../../transforms/index.ts';
import { buildArchitecture } from '../../zoo/index.ts';
import { deepCompression } from './deep-compression.ts';

it.each([
  'lenet5',
  'resnet20:width=0.5',
  'mobilenetv2:width=0.25',
  'shufflenetv2-x0.5',
  'squeezenet',
  'densenet-40-12',
])('%s comes back from a .skz file as what was shared, and can be trained on the way', async (name) => {
  const given = buildArchitecture(name, { seed: 1 });
  const model = await deepCompression(given, {
    sparsity: 0.8,
    criterion: 'lamp',
    steps: 1,
    bits: { conv: 4, fc: 3 },
    epochs: 0,
    codebookRate: 1e-4,
    training: await smallImages(10),
    seed: 0,
    fineTune: async (_, each) => each,
  });
  const { bytes } = encodeSkz(model);
  const feeds = randomFeeds(given, 3);
  const outputs = await runModel(model, feeds);
  expect(await runModel(parseModel(bytes), feeds)).toEqual(outputs);
  const layers = weightTensors(model);
  const weights = layers.map((layer) => model.graph.initializers.get(layer.name)?.float32s() ?? new Float32Array());
  const masks = magnitudeMasks(weights, 0.8, 'lamp');
  const masked = withMasks(model, new Map(layers.map((layer, i) => [layer.name, masks[i] as (typeof masks)[0]])));
  const coded = withCodebooks(
    model,
    new Map(layers.map((layer, i) => [layer.name, shareWeights(weights[i] as Float32Array, 5)])),
  );
  for (const each of [masked.model, coded.model]) {
    validateModel(each);
    inferShapes(each);
    expect(trainableInitializers(each.graph)).toHaveLength(trainableInitializers(given.graph).length);
    validateModel(gradientModel(each, { loss: 'cross-entropy', mode: 'train' }));
    expect(await runModel(each, feeds)).toEqual(outputs);
  }
});
