import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Output, randomFeeds, runModel } from '../../test/run-onnx.ts';
import { sharedDir } from '../../test/shared.ts';
import type { Model, Tensor } from '../graph/index.ts';
import { parseModel, readModel, serializeModel } from '../onnx/index.ts';
import { costOf, trainableInitializers } from '../ops/index.ts';
import { type ArchitectureOptions, buildArchitecture } from './build-architecture.ts';
import { zooNames } from './parse-architecture.ts';

/** Those that a test can run in a moment: below a billion multiply-accumulates. */
const LIGHT = zooNames().filter((name) => macsOf(name) < 1e9);

function macsOf(name: string, options: ArchitectureOptions = {}): number {
  return costOf(buildArchitecture(name, { ...options, initialization: 'zeros' })).macs;
}

function float32s(output: Output | undefined): Float32Array {
  return output?.data as Float32Array;
}

/** √ of the mean square of what is left when `mean` is taken away. */
function deviation(values: Float32Array, mean = values.reduce((sum, v) => sum + v, 0) / values.length): number {
  return Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length);
}

/** The model as it begins to train: every normalisation takes mean and variance from the batch. */
function normalisingByBatch(model: Model): Model {
  const nodes = model.graph.nodes.map((node) => {
    if (node.opType !== 'BatchNormalization') return node;
    const attributes = new Map([...node.attributes, ['training_mode', { kind: 'int', value: 1n } as const] as const]);
    const [y = ''] = node.outputs;
    return { ...node, attributes, outputs: [y, `${y}/mean`, `${y}/var`] };
  });
  return { ...model, graph: { ...model.graph, nodes } };
}

describe.each(LIGHT)('%s', (name) => {
  it('survives saving and loading, and runs on any batch without vanishing or exploding', async () => {
    const model = parseModel(serializeModel(buildArchitecture(name)));
    expect(model.graph.name).toBe(name);
    expect(model.graph.inputs.map(({ name, type }) => [name, type?.dims])).toEqual([['input', ['batch', 3, 32, 32]]]);
    expect(model.graph.outputs.map(({ name, type }) => [name, type?.dims])).toEqual([['logits', ['batch', 10]]]);
    const { logits } = await runModel(normalisingByBatch(model), randomFeeds(model, 1, 6));
    expect(logits?.dims).toEqual([6, 10]);
    const values = float32s(logits);
    // Unit variance in, and weights that keep it: logits within an order of magnitude of 1, and not the same for each image.
    expect(deviation(values, 0)).toBeGreaterThan(0.1);
    expect(deviation(values, 0)).toBeLessThan(10);
    const perClass = Array.from({ length: 10 }, (_, k) => deviation(values.filter((_, i) => i % 10 === k)));
    expect(Math.max(...perClass)).toBeGreaterThan(0.01);
    // As saved, with running statistics of nothing yet, it must at least compute.
    const saved = float32s((await runModel(model, randomFeeds(model, 1, 1))).logits);
    expect(saved.every(Number.isFinite)).toBe(true);
  });
});

describe('buildArchitecture()', () => {
  it('names parameters by stage, block and layer', () => {
    const names = (architecture: string, pattern: RegExp) =>
      [...buildArchitecture(architecture, { initialization: 'zeros' }).graph.initializers.keys()].filter((name) =>
        pattern.test(name),
      );
    expect(names('resnet20', /^(conv1|layer2\.0|linear)\b.*(weight|bias|running_mean)$/)).toEqual([
      'conv1.weight',
      'layer2.0.conv1.weight',
      'layer2.0.bn1.weight',
      'layer2.0.bn1.bias',
      'layer2.0.bn1.running_mean',
      'layer2.0.conv2.weight',
      'layer2.0.bn2.weight',
      'layer2.0.bn2.bias',
      'layer2.0.bn2.running_mean',
      'linear.weight',
      'linear.bias',
    ]);
    expect(names('resnext56', /^layer3\.0\.shortcut\..*weight$/)).toEqual([
      'layer3.0.shortcut.conv1.weight',
      'layer3.0.shortcut.bn1.weight',
    ]);
    expect(names('shufflenetv2', /^layer1\.0\..*conv.*weight$/)).toEqual([
      'layer1.0.left.conv1.weight',
      'layer1.0.left.conv2.weight',
      'layer1.0.right.conv1.weight',
      'layer1.0.right.conv2.weight',
      'layer1.0.right.conv3.weight',
    ]);
  });

  it.each(zooNames())('%s ends in linear, and all that trains is a weight or a bias', (name) => {
    const { graph } = buildArchitecture(name, { initialization: 'zeros' });
    const trainable = trainableInitializers(graph);
    expect(trainable.slice(-2)).toEqual(['linear.weight', 'linear.bias']);
    const form =
      /^(layer\d\.\d+\.)?((left|right|shortcut|transition)\.)?(conv|bn|fc|linear|squeeze|expand)\w*\.(weight|bias)$/;
    expect(trainable.filter((each) => !form.test(each))).toEqual([]);
  });

  it('draws the same weights for the same seed, and others for another', () => {
    const first = (seed?: number) =>
      buildArchitecture('resnet8', seed === undefined ? {} : { seed })
        .graph.initializers.get('conv1.weight')
        ?.float32s();
    expect(first(7)).toEqual(first(7));
    expect(first()).toEqual(first(0));
    expect(first(7)).not.toEqual(first(8));
  });

  it('draws convolutions by fan-out and the classifier by fan-in (He et al. 2015)', () => {
    const { initializers } = buildArchitecture('mobilenetv2').graph;
    // fan-out of the last convolution, 320 → 1280: 1280; of a depthwise 3×3: 9. fan-in of the classifier: 1280.
    for (const [name, fan] of Object.entries({
      'conv2.weight': 1280,
      'layer6.1.conv2.weight': 9,
      'linear.weight': 1280,
    })) {
      const weights = initializers.get(name)?.float32s() ?? new Float32Array();
      // At least 8640 draws: within 5 % with near certainty.
      expect(Math.abs(deviation(weights) / Math.sqrt(2 / fan) - 1)).toBeLessThan(0.05);
    }
  });

  it.each(zooNames())('%s takes MNIST and photographs too', (name) => {
    for (const inputShape of [
      [1, 28, 28],
      [3, 96, 160],
    ]) {
      const { graph } = buildArchitecture(name, { inputShape, classes: 7, initialization: 'zeros' });
      expect(graph.outputs[0]?.type?.dims).toEqual(['batch', 7]);
    }
  });

  it('reduces small images less at the beginning', () => {
    // To 4×4 of a 32×32 image, to 7×7 of a 224×224 one: the last convolution costs in proportion.
    const last = (side: number) =>
      costOf(buildArchitecture('mobilenetv2', { inputShape: [3, side, side], initialization: 'zeros' })).nodes.find(
        ({ name }) => name === '/conv2/Conv',
      )?.macs;
    expect(last(32)).toBe(320 * 1280 * 4 * 4);
    expect(last(224)).toBe(320 * 1280 * 7 * 7);
  });

  it('says what does not fit', () => {
    const build = (options: ArchitectureOptions) => () => buildArchitecture('lenet5', options);
    expect(build({ classes: 0 })).toThrow('Cannot build lenet5: classes must be a whole number from 1, received 0');
    expect(build({ inputShape: [32, 32] })).toThrow('must be [channels, height, width], received [32, 32]');
    expect(build({ inputShape: [3, 32.5, 32] })).toThrow('received [3, 32.5, 32]');
    expect(build({ inputShape: [3, 4, 4] })).toThrow(/^Cannot build lenet5 for images \[3, 4, 4\]: .*must fit/);
    expect(() => buildArchitecture('resnet20:width=500')).toThrow(
      /^Cannot build resnet20:width=500 for images \[3, 32, 32\]: it must fit into 2 GB, its weights have \d+ bytes$/,
    );
  });
});

describe.skipIf(sharedDir === undefined)('the trained models are those of the zoo (needs ../shared)', () => {
  const folder = join(sharedDir ?? '', 'models');

  /** The zoo's network with the weights of a file, in order: exporters keep it. */
  async function withTrainedWeights(name: string): Promise<{ trained: Model; zoo: Model }> {
    const trained = await readModel(join(folder, `${name}.onnx`));
    const zoo = buildArchitecture(name, { initialization: 'zeros' });
    const floats = [...trained.graph.initializers.values()].filter(({ dtype }) => dtype === 'float32');
    const initializers = new Map(
      [...zoo.graph.initializers].map(([key, tensor]): [string, Tensor] => {
        if (tensor.dtype !== 'float32') return [key, tensor];
        const next = floats.shift();
        expect(next?.dims).toEqual(tensor.dims);
        return [key, next as Tensor];
      }),
    );
    expect(floats).toEqual([]);
    return { trained, zoo: { ...zoo, graph: { ...zoo.graph, initializers } } };
  }

  it.each(['resnet20', 'resnet32', 'resnet44', 'resnet56', 'vgg19'])('%s', async (name) => {
    const { trained, zoo } = await withTrainedWeights(name);
    const { params, macs } = costOf(trained);
    expect(costOf(zoo)).toMatchObject({ params, macs });
    const feeds = randomFeeds(trained, 5);
    const expected = float32s((await runModel(trained, feeds)).logits);
    const actual = float32s((await runModel(zoo, feeds)).logits);
    const difference = actual.map((v, i) => v - (expected[i] as number));
    expect(deviation(difference, 0) / deviation(expected, 0)).toBeLessThan(1e-5);
  });

  it('resnet20 has the parameters of PyTorch by name', async () => {
    const { tensors } = JSON.parse(readFileSync(join(sharedDir ?? '', 'reference/resnet20-gradients.json'), 'utf8'));
    const named = (tensors as { name: string }[]).flatMap(({ name }) => name.match(/^eval\/grad\/(.*)$/)?.[1] ?? []);
    expect(trainableInitializers(buildArchitecture('resnet20').graph)).toEqual(named);
  });
});
