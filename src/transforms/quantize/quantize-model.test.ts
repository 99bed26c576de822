import { describe, expect, it } from 'vitest';
import { observedRanges } from '../../../test/observed-ranges.ts';
import { inOldWords, oldFashioned } from '../../../test/old-models.ts';
import { decibels, executedOperators, firstOutput } from '../../../test/optimized.ts';
import { type Feeds, feed, randomFeeds, runModel } from '../../../test/run-onnx.ts';
import { type Model, Tensor } from '../../graph/index.ts';
import { costOf, GraphBuilder } from '../../ops/index.ts';
import { buildArchitecture } from '../../zoo/index.ts';
import { planQuantization, prepareForQuantization } from './plan-quantization.ts';
import { type QuantizeOptions, quantizeModel, rangeValues } from './quantize-model.ts';

interface Case {
  readonly original: Model;
  readonly quantized: Model;
  readonly feeds: Feeds;
  readonly ranges: ReadonlyMap<string, readonly [number, number]>;
}

async function quantized(original: Model, options: QuantizeOptions = {}): Promise<Case> {
  const feeds = randomFeeds(original, 7);
  const prepared = prepareForQuantization(original);
  const ranges = await observedRanges(prepared, rangeValues(planQuantization(prepared)), feeds);
  return { original, quantized: quantizeModel(original, ranges, options), feeds, ranges };
}

function classifier(layers: (b: GraphBuilder, x: string) => string): Model {
  const b = new GraphBuilder({ seed: 3 });
  const x = b.input('input', 'float32', ['batch', 3, 8, 8]);
  b.output('logits', layers(b, x));
  return b.build();
}

const conv = (b: GraphBuilder, x: string, more = {}) => b.conv(x, { out: 8, kernel: 3, padding: 1, ...more });
const head = (b: GraphBuilder, x: string) => b.linear(b.flatten(b.globalAveragePool(x)), { out: 5 });

const FUSED: Record<string, { layers: (b: GraphBuilder, x: string) => string; runs: Record<string, number> }> = {
  'a chain with ReLU': {
    layers: (b, x) => head(b, b.relu(conv(b, b.relu(b.batchNorm(conv(b, x)))))),
    runs: { QLinearConv: 2, QLinearGlobalAveragePool: 1, QGemm: 1 },
  },
  'ReLU6 and a residual connection': {
    layers: (b, x) => {
      const first = b.relu6(conv(b, x));
      return head(b, b.relu(b.add(b.batchNorm(conv(b, first)), first)));
    },
    runs: { QLinearConv: 2, QLinearAdd: 1, QGemm: 1, Clip: 0, Relu: 0 },
  },
  'the shortcut without parameters of CIFAR ResNets': {
    layers: (b, x) => {
      const first = b.relu(conv(b, x));
      const strided = b.slice(first, [
        { axis: 2, start: 0, step: 2 },
        { axis: 3, start: 0, step: 2 },
      ]);
      const shortcut = b.pad(strided, [0, 4, 0, 0, 0, 4, 0, 0]);
      return head(b, b.relu(b.add(conv(b, first, { out: 16, stride: 2 }), shortcut)));
    },
    runs: { QLinearConv: 2, QLinearAdd: 1, Pad: 1, DequantizeLinear: 0, QuantizeLinear: 1 },
  },
  'grouped and depthwise convolutions': {
    layers: (b, x) => head(b, b.relu(conv(b, conv(b, conv(b, x), { groups: 4 }), { groups: 8, bias: false }))),
    runs: { QLinearConv: 3, Relu: 0 },
  },
  'branches that are concatenated': {
    layers: (b, x) => {
      const first = b.relu(conv(b, x));
      return head(b, conv(b, b.concat([b.relu(conv(b, first)), conv(b, first, { kernel: 1, padding: 0 }), first])));
    },
    runs: { QLinearConv: 4, QLinearConcat: 1 },
  },
  'pooling, also between a convolution and its ReLU': {
    layers: (b, x) => {
      const pooled = b.relu(b.maxPool(conv(b, x), { kernel: 2, stride: 2 }));
      return b.linear(b.flatten(b.averagePool(conv(b, pooled), { kernel: 2, stride: 2 })), { out: 5 });
    },
    runs: { QLinearConv: 2, QLinearAveragePool: 1, QGemm: 1, Relu: 0, DequantizeLinear: 0 },
  },
  'a channel shuffle': {
    layers: (b, x) => {
      const [a = '', rest = ''] = b.split(conv(b, x), [4, 4]);
      return head(b, conv(b, b.channelShuffle(b.concat([a, b.relu(conv(b, rest, { out: 4 }))]), 2)));
    },
    runs: { QLinearConv: 3, QLinearConcat: 1, DequantizeLinear: 0 },
  },
  'squeeze and excitation': {
    layers: (b, x) => {
      const first = b.relu(conv(b, x));
      const squeezed = b.relu(b.conv(b.globalAveragePool(first), { out: 4, kernel: 1 }));
      return head(b, b.conv(b.mul(first, b.sigmoid(b.conv(squeezed, { out: 8, kernel: 1 }))), { out: 8, kernel: 1 }));
    },
    runs: { QLinearConv: 4, QLinearSigmoid: 1, QLinearMul: 1, DequantizeLinear: 0 },
  },
  'squeeze and excitation with a gate that no int8 kernel computes': {
    layers: (b, x) => {
      const first = b.relu(conv(b, x));
      const gate = b.op('HardSigmoid', [b.conv(b.globalAveragePool(first), { out: 8, kernel: 1 })]);
      return head(b, b.conv(b.mul(gate, first), { out: 8, kernel: 1 }));
    },
    // The gate is dequantised, and rounded again.
    runs: { QLinearConv: 3, QLinearMul: 1, DequantizeLinear: 1, QuantizeLinear: 2 },
  },
  'fully connected layers in a row': {
    layers: (b, x) => b.linear(b.relu(b.linear(b.flatten(conv(b, x)), { out: 6 })), { out: 5, bias: false }),
    runs: { QLinearConv: 1, QGemm: 2, Relu: 0, DequantizeLinear: 0 },
  },
  'a product with a constant matrix': {
    layers: (b, x) => b.op('MatMul', [b.flatten(b.relu(conv(b, x))), b.parameter('fc.weight', [512, 5], ramp(2560))]),
    runs: { QLinearConv: 1, MatMulIntegerToFloat: 1 },
  },
  'a Gemm with factors and one bias for all': {
    layers: (b, x) => {
      const inputs = [b.flatten(conv(b, x)), b.parameter('w', [512, 5], ramp(2560)), b.parameter('c', [1], [3])];
      return b.op('Gemm', inputs, { alpha: 0.5, beta: 2 });
    },
    runs: { QGemm: 1 },
  },
};

function ramp(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => Math.sin(i));
}

describe('quantizeModel()', () => {
  it.each(Object.entries(FUSED))('computes %s in int8, as the same rounding in float does', async (_name, of) => {
    const { original, quantized: model, feeds } = await quantized(classifier(of.layers));
    const counts = await executedOperators(model);
    expect({ ...of.runs, ...Object.fromEntries(Object.keys(of.runs).map((key) => [key, counts[key] ?? 0])) }).toEqual(
      of.runs,
    );
    expect(
      Object.keys(counts).filter((op) => ['Conv', 'Gemm', 'MatMul', 'FusedConv', 'FusedGemm'].includes(op)),
    ).toEqual([]);
    const [fused, simulated] = [await firstOutput(model, feeds, 'all'), await firstOutput(model, feeds, 'disabled')];
    // They may round a tie differently, here and there.
    expect(decibels(fused, simulated)).toBeGreaterThan(45);
    expect(decibels(simulated, await firstOutput(original, feeds, 'all'))).toBeGreaterThan(24);
  });

  it.each([
    'resnet8',
    'preresnet:depth=11',
    'resnext:depth=11,cardinality=4',
    'densenet-bc:depth=10',
    'vgg11:width=0.125',
    'lenet5',
  ])('takes %s of the zoo', async (name) => {
    const {
      original,
      quantized: model,
      feeds,
    } = await quantized(buildArchitecture(name, { classes: 10, inputShape: [3, 32, 32], seed: 1 }));
    expect(decibels(await firstOutput(model, feeds, 'all'), await firstOutput(original, feeds, 'all'))).toBeGreaterThan(
      18,
    );
  });

  it('counts the same parameters and MACs as what it was made of', async () => {
    const { original, quantized: model } = await quantized(buildArchitecture('resnet8', { seed: 1 }));
    const [before, after] = [prepareForQuantization(original), model].map((each) => costOf(each));
    expect([after?.params, after?.macs]).toEqual([before?.params, before?.macs]);
    expect(after?.bytes).toBeLessThan(0.35 * (before?.bytes ?? 0));
  });

  it('rounds as the equations say', async () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [1, 2, 1, 1]);
    b.output('y', b.op('Conv', [x, b.parameter('w', [1, 2, 1, 1], [0.5, -1]), b.parameter('b', [1], [0.25])]));
    const model = quantizeModel(
      b.build(),
      new Map([
        ['x', [-1, 1.55]],
        ['y', [-2, 0.55]],
      ]),
    );
    const initializer = (name: string) => model.graph.initializers.get(name)?.elements();
    // 2.55/255 = 0.01, zero points 100 and 200; weights 63.5 → 64 (even) and −127; 0.25/(0.01/127) = 3175.
    expect(initializer('x_zero_point')).toEqual([100]);
    expect(initializer('y_zero_point')).toEqual([200]);
    expect(initializer('w_quantized')).toEqual([64, -127]);
    expect(initializer('b_quantized')).toEqual([3175]);
    const feeds = {
      x: feed('float32', Float32Array.of(0.5, 0.754), [1, 2, 1, 1]),
    };
    // (64·50 − 127·75 + 3175)·0.01/127 = −0.24803…, in steps of 0.01 from −2: −0.25.
    for (const level of ['all', 'disabled'] as const)
      expect((await firstOutput(model, feeds, level))[0]).toBeCloseTo(-0.25, 6);
  });

  it.each([
    ['ceil_mode that counts padding', { strides: [2, 2], ceil_mode: 1, count_include_pad: 1 }],
    ['dilations', { dilations: [2, 2] }],
  ])('leaves an average in float that the engine would get wrong: of %s', async (_, attributes) => {
    const b = new GraphBuilder({ seed: 3, opset: 19 });
    const x = conv(b, b.input('input', 'float32', ['batch', 3, 8, 8]));
    b.output('logits', head(b, conv(b, b.op('AveragePool', [x], { kernel_shape: [3, 3], ...attributes }))));
    const { quantized: model, feeds } = await quantized(b.build());
    expect(await executedOperators(model)).toMatchObject({ QLinearConv: 2, AveragePool: 1 });
    const [fused, simulated] = [await firstOutput(model, feeds, 'all'), await firstOutput(model, feeds, 'disabled')];
    expect(decibels(fused, simulated)).toBeGreaterThan(45);
  });

  it('leaves layers in float that are named, and what would need them', async () => {
    const model = classifier((b, x) => {
      const first = b.relu(conv(b, x, { name: 'first' }));
      return head(b, b.relu(b.add(conv(b, first, { name: 'second' }), first)));
    });
    const { quantized: all, ranges } = await quantized(model);
    const part = quantizeModel(model, ranges, { exclude: ['/second/Conv'] });
    expect((await executedOperators(all)).QLinearConv).toBe(2);
    const counts = await executedOperators(part);
    expect([counts.QLinearConv, counts.QLinearAdd, counts.Conv ?? counts.FusedConv]).toEqual([1, undefined, 1]);
    const feeds = randomFeeds(model, 7);
    expect(decibels(await firstOutput(part, feeds, 'all'), await firstOutput(model, feeds, 'all'))).toBeGreaterThan(24);
  });

  it('keeps names and types of inputs and outputs, also where a layer gives the output', async () => {
    const { original, quantized: model, feeds } = await quantized(classifier((b, x) => b.relu(conv(b, x))));
    expect(model.graph.inputs).toEqual(original.graph.inputs);
    expect(model.graph.outputs).toEqual(original.graph.outputs);
    expect(decibels(await firstOutput(model, feeds, 'all'), await firstOutput(original, feeds, 'all'))).toBeGreaterThan(
      30,
    );
  });

  it('with fewer bits computes what so few steps give', async () => {
    const model = classifier((b, x) => head(b, b.relu(conv(b, b.relu(conv(b, x))))));
    const noise: number[] = [];
    for (const bits of [8, 6, 4]) {
      const { quantized: rounded, feeds } = await quantized(model, { weightBits: bits, activationBits: bits });
      const [fused, simulated] = [
        await firstOutput(rounded, feeds, 'all'),
        await firstOutput(rounded, feeds, 'disabled'),
      ];
      expect(decibels(fused, simulated)).toBeGreaterThan(40);
      noise.push(decibels(simulated, await firstOutput(model, feeds, 'all')));
    }
    // A bit is worth 6.02 decibels.
    expect((noise[0] as number) - (noise[1] as number)).toBeCloseTo(12, -1);
    expect((noise[1] as number) - (noise[2] as number)).toBeCloseTo(12, -1);
  });

  it('shares a weight that two layers share', async () => {
    const model = classifier((b, x) => {
      const first = conv(b, x, { out: 3, bias: false });
      return head(b, b.add(first, b.op('Conv', [first, 'conv1.weight'], { pads: [1, 1, 1, 1] })));
    });
    const { quantized: rounded, feeds } = await quantized(model);
    expect(decibels(await firstOutput(rounded, feeds, 'all'), await firstOutput(model, feeds, 'all'))).toBeGreaterThan(
      24,
    );
    expect(rounded.graph.initializers.has('conv1.weight')).toBe(false);
  });

  it.each([7, 9])('takes a model of operator set %i, and makes of it what it makes of a newer one', async (opset) => {
    const newer = oldFashioned(8);
    const older = inOldWords(newer, opset);
    const feeds = randomFeeds(newer, 7);
    expect((await runModel(older, feeds)).probabilities).toEqual((await runModel(newer, feeds)).probabilities);
    const [ofNewer, ofOlder] = [await quantized(newer), await quantized(older)];
    expect(await runModel(ofOlder.quantized, feeds)).toEqual(await runModel(ofNewer.quantized, feeds));
    expect(await executedOperators(ofOlder.quantized)).toMatchObject({ QLinearConv: 2, QGemm: 1 });
  });

  it('refuses bad input', () => {
    const model = classifier((b, x) => head(b, conv(b, x)));
    expect(() => quantizeModel(model, new Map())).toThrow("The range of 'input' must be known");
    for (const range of [
      [1, 0],
      [0, Number.NaN],
    ] as const) {
      expect(() => quantizeModel(model, new Map([['input', range]]))).toThrow(
        "The range of 'input' must be two numbers",
      );
    }
    expect(() => quantizeModel(model, new Map(), { exclude: ['nowhere'] })).toThrow("no layer 'nowhere'");
    expect(() => quantizeModel(model, new Map(), { weightBits: 9 })).toThrow('2 to 8 bits, received 9');
    const old = { ...model, opsets: new Map([['', 6]]) };
    expect(() => quantizeModel(old, new Map())).toThrow('from operator set 6 to 13: it must use 7 or newer');
    const broken = new Map(model.graph.initializers);
    broken.set('conv1.weight', Tensor.float32([8, 3, 3, 3], new Float32Array(216).fill(Number.NaN)));
    const ranges = new Map(
      ['input', '/conv1/Conv_output_0', '/GlobalAveragePool_output_0'].map((v) => [v, [0, 1]] as const),
    );
    expect(() => quantizeModel({ ...model, graph: { ...model.graph, initializers: broken } }, ranges)).toThrow(
      "Cannot quantise layer '/conv1/Conv': A weight must be a number",
    );
  });
});
