import { describe, expect, it } from 'vitest';
import { costOf } from '../ops/index.ts';
import { buildArchitecture, parseArchitecture, zooNames, zooTable } from './index.ts';

/**
 * Parameters for 10 classes of 3×32×32, where not said otherwise as PyTorch counts those of an implementation:
 * - akamaster/pytorch_resnet_cifar10, resnet.py
 * - osmr/pytorchcv: preresnet164bn_cifar10, densenet100_k12_bc_cifar10, resnext29_32x4d_cifar10
 * - bearpaw/pytorch-classification, models/cifar/wrn.py
 * - torchvision: mobilenet_v2, shufflenet_v2_x…, squeezenet1_1; the features of vgg…_bn without the convolutions' biases,
 *   and 512 · 10 + 10 for the classifier
 */
const PARAMETERS: Readonly<Record<string, number>> = {
  // (3·25 + 1)·6 + (6·25 + 1)·16 + (400 + 1)·120 + (120 + 1)·84 + (84 + 1)·10: PyTorch's CIFAR-10 tutorial has this network.
  lenet5: 62_006,
  resnet8: 75_290,
  resnet20: 269_722,
  resnet32: 464_154,
  resnet44: 658_586,
  resnet56: 853_018,
  resnet110: 1_727_962,
  resnet164: 1_703_258,
  'wrn-16-4': 2_748_890,
  'wrn-16-8': 10_961_370,
  'wrn-40-2': 2_243_546,
  'wrn-28-10': 36_479_194,
  'resnext29-32x4d': 4_775_754,
  // A layer of c channels has 2c of normalisation and 9·12·c weights; c runs from 16 in steps of 12 through three times 12
  // layers (sum 8136). Stem 432, transitions 2·160 + 160² and 2·304 + 304², last normalisation 896, classifier 4490.
  'densenet-40-12': 110 * 8136 + 432 + 320 + 160 ** 2 + 608 + 304 ** 2 + 896 + 4490,
  'densenet-bc-100-12': 769_162,
  vgg11: 9_228_362,
  vgg13: 9_413_066,
  vgg16: 14_724_042,
  vgg19: 20_035_018,
  mobilenetv2: 2_236_682,
  'shufflenetv2-x0.5': 352_042,
  'shufflenetv2-x1': 1_263_854,
  'shufflenetv2-x1.5': 2_488_874,
  'shufflenetv2-x2': 5_365_486,
  squeezenet: 727_626,
};

/** Millions of parameters as the papers print them. */
const PUBLISHED: Readonly<Record<string, string>> = {
  // He et al. 2016 (Deep Residual Learning), table 6
  resnet20: '0.27',
  resnet32: '0.46',
  resnet44: '0.66',
  resnet56: '0.85',
  resnet110: '1.7',
  // He et al. 2016 (Identity Mappings), as Huang et al. 2017 print it in table 2
  resnet164: '1.7',
  // Zagoruyko and Komodakis 2016, tables 4 and 5
  'wrn-16-8': '11.0',
  'wrn-40-2': '2.2',
  'wrn-28-10': '36.5',
  // Huang et al. 2017, table 2
  'densenet-40-12': '1.0',
  'densenet-bc-100-12': '0.8',
};

describe('zooTable()', () => {
  const table = zooTable();
  const paramsOf = new Map(table.map(({ name, params }) => [name, params]));

  it('names 21 sizes and more, each once', () => {
    expect(table.length).toBeGreaterThanOrEqual(21);
    expect(paramsOf.size).toBe(table.length);
  });

  it.each(Object.entries(PARAMETERS))('%s has %i parameters', (name, params) => {
    expect(paramsOf.get(name)).toBe(params);
  });

  it.each(Object.entries(PUBLISHED))('%s has %s million, as published', (name, millions) => {
    const digits = millions.split('.')[1]?.length ?? 0;
    expect(((paramsOf.get(name) ?? 0) / 1e6).toFixed(digits)).toBe(millions);
  });

  it('leaves no size without a reference', () => {
    // ResNeXt-56 and -110: see below.
    const rest = table.map(({ name }) => name).filter((name) => PARAMETERS[name] === undefined);
    expect(rest).toEqual(['resnext56', 'resnext110']);
  });

  it('has a rate of its own, below the usual one, for every family that normalises nothing', () => {
    for (const name of zooNames()) {
      const { graph } = buildArchitecture(name, { initialization: 'zeros' });
      const normalizes = graph.nodes.some(({ opType }) => opType === 'BatchNormalization');
      const { rate = 0.1 } = parseArchitecture(name).family;
      expect(rate < 0.1, name).toBe(!normalizes);
    }
  });

  it('says which parameters can still be given', () => {
    const open = new Map(table.map((entry) => [entry.name, Object.keys(entry.open)]));
    expect(open.get('resnext56')).toEqual(['cardinality', 'width']);
    expect(open.get('wrn-28-10')).toEqual([]);
  });

  it('is for the classes and images that it is told', () => {
    const [lenet] = zooTable({ classes: 10, inputShape: [1, 28, 28] });
    // (25 + 1)·6 in the first layer
    expect(lenet).toMatchObject({ name: 'lenet5', params: 61_706 });
  });
});

it.each([
  // Table 1 of Separable Neural Network: 4.39 M for 100 classes. Counted by hand: stem 3·9·16 + 2·16; a block of C·d = D
  // in the middle from i to o channels i·D + 9·D²/8 + D·o + 4·D + 2·o, the first of a stage i·o + 2·o more.
  ['resnext56', { classes: 100 }, 4_394_676],
  ['resnext110', {}, 8_785_242],
  // Of the same form: bearpaw/pytorch-classification, models/cifar/resnext.py; 34.4 M in Xie et al. 2017, table 7
  ['resnext:depth=29,cardinality=8,width=64,stem=64', {}, 34_426_698],
  // torchvision, ImageNet
  ['mobilenetv2', { classes: 1000, inputShape: [3, 224, 224] }, 3_504_872],
  ['mobilenetv2:width=0.5', { classes: 1000, inputShape: [3, 224, 224] }, 1_968_680],
  ['mobilenetv2:width=1.4', { classes: 1000, inputShape: [3, 224, 224] }, 6_108_776],
  ['shufflenetv2:width=0.5', { classes: 1000, inputShape: [3, 224, 224] }, 1_366_792],
  ['shufflenetv2', { classes: 1000, inputShape: [3, 224, 224] }, 2_278_604],
  ['shufflenetv2:width=2', { classes: 1000, inputShape: [3, 224, 224] }, 7_393_996],
  ['squeezenet', { classes: 1000, inputShape: [3, 224, 224] }, 1_235_496],
  // osmr/pytorchcv, wrn40_8_cifar10
  ['wrn:depth=40,width=8', {}, 35_748_314],
] as const)('%s %o has %i parameters', (name, options, params) => {
  expect(costOf(buildArchitecture(name, { ...options, initialization: 'zeros' })).params).toBe(params);
});

it.each([
  // Millions of multiply-accumulates of one 224×224 image: Sandler et al. 2018, table 4; Ma et al. 2018, table 8
  ['mobilenetv2', '300'],
  ['shufflenetv2:width=0.5', '41'],
  ['shufflenetv2', '146'],
  ['shufflenetv2:width=1.5', '299'],
  ['shufflenetv2:width=2', '591'],
])('%s takes about %s million multiply-accumulates an ImageNet image', (name, millions) => {
  const model = buildArchitecture(name, { classes: 1000, inputShape: [3, 224, 224], initialization: 'zeros' });
  expect(Math.abs(costOf(model).macs / (Number(millions) * 1e6) - 1)).toBeLessThan(0.02);
});
