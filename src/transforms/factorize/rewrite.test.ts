import { describe, expect, it } from 'vitest';
import { expectClose } from '../../../test/expect-close.ts';
import { randomFeeds, runModel } from '../../../test/run-onnx.ts';
import { Random } from '../../base/index.ts';
import { type Model, makeNode, Tensor } from '../../graph/index.ts';
import { type ConvOptions, costOf, GraphBuilder } from '../../ops/index.ts';
import { runPasses } from '../pass.ts';
import { FACTORIZATION_KINDS, type Factorization, type FactorizationKind, fullRanks } from './factorization.ts';
import { kernelOf } from './kernel.ts';
import { rewriteFactorized, sketchFactorized } from './rewrite.ts';
import { weightLayersOf } from './weight-layers.ts';

function convolution(channels: number, options: ConvOptions, size = 11): Model {
  const b = new GraphBuilder({ seed: 3 });
  const x = b.input('x', 'float32', ['n', channels, size, size + 2]);
  b.output('y', b.conv(x, options));
  return withBiases(b.build());
}

/** Biases that are not 0. */
function withBiases(model: Model): Model {
  const initializers = new Map(model.graph.initializers);
  const random = new Random(8);
  for (const [name, { dims, size }] of initializers) {
    if (!name.endsWith('.bias')) continue;
    const values = Float32Array.from({ length: size }, () => random.normal());
    initializers.set(name, Tensor.float32(dims, values));
  }
  return { ...model, graph: { ...model.graph, initializers } };
}

function fullRank(model: Model, kind: FactorizationKind): ReadonlyMap<string, Factorization> {
  return new Map(
    weightLayersOf(model).map(
      ({ name, dims }) => [name, { kind, ranks: fullRanks(kind, kernelOf(dims, [])) }] as const,
    ),
  );
}

/** Factorizes as a pass, so that graph and shapes are checked. */
function factorized(model: Model, decisions: ReadonlyMap<string, Factorization>): Model {
  const apply = (before: Model) => ({ model: rewriteFactorized(before, decisions), changed: true });
  return runPasses(model, [{ name: 'factorize', apply }]).model;
}

async function expectSame(before: Model, after: Model, tolerance = 1e-5): Promise<void> {
  const feeds = randomFeeds(before, 5);
  const [expected, actual] = [await runModel(before, feeds), await runModel(after, feeds)];
  for (const [name, { data, dims }] of Object.entries(expected)) {
    expect(actual[name]?.dims).toEqual(dims);
    expectClose(actual[name]?.data as Float32Array, [...(data as Float32Array)], tolerance, name);
  }
}

describe('rewriteFactorized() at full rank computes what the layer computed', () => {
  const windows: readonly (readonly [string, number, ConvOptions])[] = [
    ['3×3', 6, { out: 10, kernel: 3 }],
    ['3×3, padded', 10, { out: 6, kernel: 3, padding: 1 }],
    ['stride 2', 8, { out: 8, kernel: 3, padding: 1, stride: 2 }],
    ['dilated', 5, { out: 9, kernel: 3, padding: 2, dilation: 2 }],
    [
      '5×3, strides 2 and 1, dilations 1 and 2',
      7,
      { out: 4, kernel: [5, 3], stride: [2, 1], dilation: [1, 2], padding: [2, 1] },
    ],
    ['2×4 without bias', 3, { out: 12, kernel: [2, 4], bias: false }],
    ['1×3', 6, { out: 6, kernel: [1, 3], padding: [0, 1], stride: [1, 2] }],
    ['few input channels', 2, { out: 40, kernel: 3, padding: 1 }],
    ['1×1, stride 2', 12, { out: 20, kernel: 1, stride: 2 }],
  ];
  for (const [title, channels, options] of windows) {
    const kinds = weightLayersOf(convolution(channels, options))[0]?.kinds ?? [];
    it.each(kinds)(`${title}: %s`, async (kind) => {
      const model = convolution(channels, options);
      const after = factorized(model, fullRank(model, kind));
      expect(after.graph.nodes).toHaveLength(kind === 'tucker2' ? 3 : 2);
      await expectSame(model, after);
    });
  }

  it.each(['SAME_UPPER', 'SAME_LOWER', 'VALID'])('auto_pad %s', async (autoPad) => {
    for (const kind of FACTORIZATION_KINDS) {
      const b = new GraphBuilder({ seed: 3 });
      const x = b.input('x', 'float32', ['n', 6, 9, 10]);
      const weight = b.parameter(
        'w',
        [8, 6, 3, 4],
        Float32Array.from({ length: 576 }, (_, i) => Math.sin(i)),
      );
      b.output('y', b.op('Conv', [x, weight], { auto_pad: autoPad, strides: [2, 1] }));
      const model = b.build();
      await expectSame(model, factorized(model, fullRank(model, kind)));
    }
  });

  it.each([
    ['Gemm with transB', { transB: 1, alpha: 0.5, beta: 2 }, [7, 12]],
    ['Gemm without', { alpha: 3 }, [12, 7]],
    ['a Gemm that grows', { transB: 1 }, [30, 12]],
  ] as const)('%s', async (_, attributes, dims) => {
    const b = new GraphBuilder();
    const random = new Random(2);
    const numbers = (length: number) => Float32Array.from({ length }, () => random.normal());
    const [weight, bias] = [
      b.parameter('fc.weight', dims, numbers(dims[0] * dims[1])),
      Math.max(...dims) === 30 ? 30 : 7,
    ];
    const inputs = [b.input('x', 'float32', ['n', 12]), weight, b.parameter('fc.bias', [bias], numbers(bias))];
    b.output('y', b.op('Gemm', inputs, attributes));
    const model = b.build();
    const after = factorized(model, fullRank(model, 'svd'));
    expect(after.graph.nodes).toHaveLength(2);
    await expectSame(model, after);
  });

  it('MatMul of more than two dimensions', async () => {
    const b = new GraphBuilder();
    const weight = b.parameter(
      'w',
      [8, 5],
      Float32Array.from({ length: 40 }, (_, i) => Math.cos(i * i)),
    );
    b.output('y', b.op('MatMul', [b.input('x', 'float32', ['n', 3, 8]), weight]));
    const model = b.build();
    await expectSame(model, factorized(model, fullRank(model, 'svd')));
  });
});

describe('rewriteFactorized()', () => {
  it('names parts after the layer, and leaves the bias to the last', () => {
    const model = convolution(8, { out: 8, kernel: 3 });
    const name = weightLayersOf(model)[0]?.name ?? '';
    const { graph } = factorized(model, new Map([[name, { kind: 'tucker2', ranks: [3, 5] }]]));
    expect([...graph.initializers].map(([key, { dims }]) => [key, ...dims])).toEqual([
      ['conv1.bias', 8],
      ['conv1.first.weight', 3, 8, 1, 1],
      ['conv1.core.weight', 5, 3, 3, 3],
      ['conv1.last.weight', 8, 5, 1, 1],
    ]);
    expect(graph.nodes.map((node) => node.inputs.slice(1))).toEqual([
      ['conv1.first.weight'],
      ['conv1.core.weight'],
      ['conv1.last.weight', 'conv1.bias'],
    ]);
    expect(graph.nodes.map((node) => node.name)).toEqual([`${name}.first`, `${name}.core`, `${name}.last`]);
    expect(graph.nodes.at(-1)?.outputs).toEqual(model.graph.nodes[0]?.outputs);
  });

  it.each([
    ['svd', [2], 2 * (6 * 9 + 10) * 9 * 11],
    // A row of the window first: 9 rows are left of 11 while there are still all 13 columns.
    ['spatial', [4], 4 * 6 * 3 * 9 * 13 + 10 * 4 * 3 * 9 * 11],
  ] as const)('does the work that %s promises', (kind, ranks, macs) => {
    const model = convolution(6, { out: 10, kernel: 3 });
    const name = weightLayersOf(model)[0]?.name ?? '';
    const after = factorized(model, new Map([[name, { kind, ranks }]]));
    expect(costOf(after).macs).toBe(macs);
    const sketch = sketchFactorized(model, new Map([[name, { kind, ranks }]]));
    expect(costOf(sketch)).toEqual(costOf(after));
  });

  it('is exact below full rank where the kernel has no more', async () => {
    // Every 3×3 kernel the same: of rank 1 by each unfolding.
    const model = convolution(6, { out: 6, kernel: 3, padding: 1 });
    const same = Float32Array.from({ length: 324 }, (_, i) => [1, 2, 1, 0, 0, 0, -1, -2, -1][i % 9] as number);
    const initializers = new Map(model.graph.initializers).set('conv1.weight', Tensor.float32([6, 6, 3, 3], same));
    const sobel = { ...model, graph: { ...model.graph, initializers } };
    const name = weightLayersOf(sobel)[0]?.name ?? '';
    await expectSame(sobel, factorized(sobel, new Map([[name, { kind: 'spatial', ranks: [1] }]])));
    await expectSame(sobel, factorized(sobel, new Map([[name, { kind: 'tucker2', ranks: [1, 1] }]])));
    await expectSame(sobel, factorized(sobel, new Map([[name, { kind: 'svd', ranks: [1] }]])));
  });

  it.each([
    ['a rank beyond the full one', { kind: 'spatial', ranks: [25] }, /spatial needs a rank from 1 to 24, received 25/],
    [
      'too few ranks',
      { kind: 'tucker2', ranks: [4] },
      /ranks of input and output channels from 1 to 8 and 8, received 4/,
    ],
    ['no whole rank', { kind: 'svd', ranks: [1.5] }, /received 1.5/],
  ] as const)('refuses %s', (_, decision, message) => {
    const model = convolution(8, { out: 8, kernel: 3 });
    const name = weightLayersOf(model)[0]?.name ?? '';
    expect(() => rewriteFactorized(model, new Map([[name, decision]]))).toThrow(message);
  });

  it('refuses layers that are not there, or that cannot be split so', () => {
    const model = convolution(8, { out: 8, kernel: 1 });
    expect(() => rewriteFactorized(model, new Map([['/conv1/Con', { kind: 'svd', ranks: [1] }]]))).toThrow(
      "the model has no such layer (did you mean '/conv1/Conv'?)",
    );
    expect(() => rewriteFactorized(model, new Map([['/conv1/Conv', { kind: 'spatial', ranks: [1] }]]))).toThrow(
      'with a window of 1×1 it must be svd',
    );
  });
});

describe('weightLayersOf()', () => {
  const obstacles = (model: Model) => weightLayersOf(model).map(({ obstacle }) => obstacle);

  it('leaves grouped and depthwise convolutions alone', () => {
    const b = new GraphBuilder();
    const x = b.conv(b.input('x', 'float32', ['n', 8, 5, 5]), { out: 8, kernel: 3, groups: 8 });
    b.output('y', b.conv(x, { out: 8, kernel: 1, groups: 2 }));
    expect(obstacles(b.build())).toEqual(['its channels are in groups', 'its channels are in groups']);
  });

  it('leaves weights alone that are used twice, as output too, or are float64', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', ['n', 4, 5, 5]);
    const w = b.parameter('w', [4, 4, 1, 1], 1);
    b.output('y', b.op('Conv', [b.op('Conv', [x, w]), w]));
    expect(obstacles(b.build())).toEqual(['its weights are used 2 times', 'its weights are used 2 times']);
    const d = new GraphBuilder({ dtype: 'float64' });
    d.output('y', d.conv(d.input('x', 'float64', ['n', 4, 5, 5]), { out: 4, kernel: 1 }));
    expect(obstacles(d.build())).toEqual(['its weights are float64']);
  });

  it('is not about weights that are fed', () => {
    const b = new GraphBuilder();
    b.output('y', b.op('Conv', [b.input('x', 'float32', ['n', 4, 5, 5]), b.input('w', 'float32', [4, 4, 3, 3])]));
    expect(weightLayersOf(b.build())).toEqual([]);
  });

  it('tells layers without names, or with the same, by what they make', () => {
    const b = new GraphBuilder();
    const [w, v] = [b.parameter('w', [4, 4, 1, 1], 1), b.parameter('v', [4, 4, 1, 1], 1)];
    b.output('y', b.op('Conv', [b.op('Conv', [b.input('x', 'float32', ['n', 4, 5, 5]), w]), v]));
    const model = b.build();
    const unnamed = model.graph.nodes.map((node) => makeNode({ ...node, name: '', attributes: {} }));
    const layers = weightLayersOf({ ...model, graph: { ...model.graph, nodes: unnamed } });
    expect(layers.map(({ name }) => name)).toEqual(unnamed.map((node) => node.outputs[0]));
  });

  it('refuses weights that are no finite numbers', () => {
    const model = convolution(4, { out: 4, kernel: 1 });
    const broken = Tensor.float32([4, 4, 1, 1], new Float32Array(16).fill(Number.NaN));
    const initializers = new Map(model.graph.initializers).set('conv1.weight', broken);
    const bad = { ...model, graph: { ...model.graph, initializers } };
    expect(() => rewriteFactorized(bad, new Map([['/conv1/Conv', { kind: 'svd', ranks: [1] }]]))).toThrow(
      'its weights must be finite numbers',
    );
  });
});
