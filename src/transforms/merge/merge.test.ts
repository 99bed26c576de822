import { describe, expect, it } from 'vitest';
import { expectClose } from '../../../test/expect-close.ts';
import { executedOperators } from '../../../test/optimized.ts';
import { randomFeeds, runModel } from '../../../test/run-onnx.ts';
import type { Model } from '../../graph/index.ts';
import { GraphBuilder } from '../../ops/index.ts';
import { groupedModel, linearScores, sideBySide } from './index.ts';

interface NetOptions {
  readonly widths?: readonly [number, number];
  readonly scores?: number;
  readonly size?: number;
  readonly stride?: number;
  readonly opset?: number;
  readonly blocks?: number;
  readonly batch?: number | string;
  readonly depthwise?: boolean;
  readonly hidden?: number;
}

/** A residual network in which the channels of the stream and of the branches can be others. */
function net(seed: number, options: NetOptions = {}): Model {
  const { widths = [6, 4], scores = 1, size = 8, stride = 1, opset = 17, blocks = 1, batch = 'batch' } = options;
  const [stream, branch] = widths;
  const b = new GraphBuilder({ seed, opset });
  let x = b.relu(b.conv(b.input('input', 'float32', [batch, 3, size, size]), { out: stream, kernel: 3, padding: 1 }));
  for (let i = 0; i < blocks; i++) {
    const inner = b.relu(b.batchNorm(b.conv(x, { out: branch, kernel: 3, padding: 1, stride })));
    const shortcut = stride === 1 ? x : b.maxPool(x, { kernel: stride, stride });
    x = b.relu(b.add(b.conv(inner, { out: stream, kernel: 3, padding: 1 }), shortcut));
  }
  if (options.depthwise) x = b.conv(x, { out: 2 * stream, kernel: 3, groups: stream });
  if (options.hidden !== undefined) x = b.relu(b.linear(b.flatten(x), { out: options.hidden }));
  else x = b.flatten(b.globalAveragePool(x));
  b.output('logits', b.linear(x, { out: scores }));
  return b.build();
}

const IMAGES = 3;

async function scoresOf(model: Model): Promise<number[][]> {
  const [scores] = Object.values(await runModel(model, randomFeeds(model, 5, IMAGES)));
  const { data, dims } = scores as unknown as { data: Float32Array; dims: readonly number[] };
  const width = dims[1] as number;
  return Array.from({ length: IMAGES }, (_, i) => [...data.subarray(i * width, (i + 1) * width)]);
}

async function expectSame(merged: Model, parts: readonly Model[]): Promise<void> {
  const all = await Promise.all(parts.map(scoresOf));
  const rows = all[0]?.map((_, i) => all.flatMap((own) => own[i] ?? [])) ?? [];
  for (const [i, row] of (await scoresOf(merged)).entries()) expectClose(row, rows[i] ?? [], 1e-5, `row ${i}`);
}

const FORMS = [
  ['sideBySide()', sideBySide],
  ['groupedModel()', groupedModel],
] as const;

describe.each(FORMS)('%s', (_, merge) => {
  it.each<[string, readonly Model[]]>([
    ['parts of one width', [net(1), net(2), net(3)]],
    ['ragged widths', [net(1), net(2, { widths: [3, 9] }), net(3, { widths: [16, 1] })]],
    ['several scores', [net(1, { scores: 3 }), net(2, { widths: [2, 2] }), net(3, { scores: 2 })]],
    ['a single part', [net(1, { scores: 4 })]],
    ['a part twice', [net(1), net(1)]],
    ['strides', [net(1, { stride: 2 }), net(2, { stride: 2, widths: [5, 7] })]],
    ['a fixed batch', [net(1, { batch: 3 }), net(2, { batch: 3, widths: [1, 2] })]],
    ['depthwise convolutions', [net(1, { depthwise: true }), net(2, { depthwise: true, widths: [1, 3] })]],
    ['a hidden layer', [net(1, { hidden: 10 }), net(2, { hidden: 3, widths: [2, 3] })]],
    // 2 · 500 · 2 · 6 · 64 weights are too many for a product with zeros between the parts.
    ['a wide hidden layer', [net(1, { hidden: 500, scores: 2 }), net(2, { hidden: 400, widths: [5, 5] })]],
  ])('says what the parts say: %s', async (_name, parts) => {
    const merged = merge(parts);
    const scores = parts.reduce((sum, { graph }) => sum + Number(graph.outputs[0]?.type?.dims?.[1]), 0);
    expect(merged.graph.inputs).toMatchObject([{ name: 'input' }]);
    expect(merged.graph.outputs).toMatchObject([{ name: 'scores', type: { dims: [expect.anything(), scores] } }]);
    await expectSame(merged, parts);
  });

  it.each<[string, readonly Model[], string]>([
    [
      'images of other sizes',
      [net(1), net(2, { size: 10 })],
      'model 2 .* it must take what the first one takes, \\[batch,3,8,8\\], received \\[batch,3,10,10\\]',
    ],
    [
      'other operator sets',
      [net(1), net(2, { opset: 14 })],
      "model 2 .* must have version 17 of operator set '' as the first one, received 14",
    ],
    ['another fixed batch', [net(1), net(2, { batch: 3 })], 'received \\[3,3,8,8\\]'],
    ['nothing', [], 'there are none'],
  ])('refuses %s', (_name, parts, message) => {
    expect(() => merge(parts)).toThrow(new RegExp(message));
  });
});

describe('sideBySide()', () => {
  it('has what several parts have alike once', () => {
    const { initializers } = sideBySide([net(1), net(1, { scores: 2 })]).graph;
    const convolutions = [...initializers.values()].filter(({ dims }) => dims.length === 4);
    expect(convolutions).toHaveLength(3);
  });

  it('takes parts of any operators and depths', async () => {
    const parts = [net(1), net(2, { blocks: 3 }), net(3, { hidden: 4 })];
    await expectSame(sideBySide(parts), parts);
  });
});

describe('groupedModel()', () => {
  it('has one convolution of k groups for k convolutions, and one over the image', async () => {
    const merged = groupedModel([net(1), net(2, { widths: [3, 9] }), net(3)]);
    const groups = merged.graph.nodes.flatMap(({ opType, attributes }) =>
      opType === 'Conv' ? [Number((attributes.get('group') as { value: bigint }).value)] : [],
    );
    expect(groups).toEqual([1, 3, 3]);
    expect(await executedOperators(merged)).not.toHaveProperty('Gather');
  });

  it('does once what all parts do alike to the image', async () => {
    const normalised = (seed: number): Model => {
      const b = new GraphBuilder({ seed });
      const x = b.input('input', 'float32', ['batch', 3, 8, 8]);
      const y = b.op('Div', [
        b.op('Sub', [x, b.parameter('mean', [1, 3, 1, 1], 0.4)]),
        b.parameter('std', [1, 3, 1, 1], 0.2),
      ]);
      b.output(
        'logits',
        b.linear(b.flatten(b.globalAveragePool(b.relu(b.conv(y, { out: 2 + seed, kernel: 3 })))), { out: 2 }),
      );
      return b.build();
    };
    const parts = [normalised(1), normalised(2)];
    const merged = groupedModel(parts);
    expect(merged.graph.nodes.filter(({ opType }) => opType === 'Sub')).toHaveLength(1);
    await expectSame(merged, parts);
  });

  it.each([9, 10, 11])('is of the operator set of its parts, %s', async (opset) => {
    const product = (seed: number): Model => {
      const b = new GraphBuilder({ seed });
      const maps = b.conv(b.input('input', 'float32', ['batch', 3, 8, 8]), { out: 3 + seed, kernel: 3 });
      const weights = Float32Array.from({ length: (3 + seed) * 2 }, (_, i) => Math.sin(seed + i));
      b.output(
        'logits',
        b.op('MatMul', [b.flatten(b.globalAveragePool(maps)), b.parameter('w', [3 + seed, 2], weights)]),
      );
      return { ...b.build(), opsets: new Map([['', opset]]) };
    };
    const parts = [product(1), product(2)];
    await expectSame(groupedModel(parts), parts);
  });

  it.each<[string, readonly Model[], RegExp]>([
    ['other depthwise kernels', [depthwise(3), depthwise(5)], /\(Conv\): kernels are of other sizes/],
    ['a block that a part does not have', [net(1, { blocks: 2 }), net(2)], /part 2 has 10 operators, the first one 15/],
    ['other strides', [net(1, { stride: 2 }), net(2, { stride: 1 })], /part 2 has \d+ operators/],
    ['other kernels', [kernel(3), kernel(5)], /at node '\/conv1\/Conv' \(Conv\): 'pads' is another in each/],
    [
      'other operators',
      [activated('Relu'), activated('Sigmoid')],
      /at node '\/Relu' \(Relu\): part 2 has Sigmoid there/,
    ],
    [
      'operators over channels',
      [activated('Softmax'), activated('Softmax', 1)],
      /\(Softmax\): there is no rule for this operator/,
    ],
  ])('refuses %s, naming it', (_, parts, message) => {
    expect(() => groupedModel(parts)).toThrow(message);
    expect(() => sideBySide(parts)).not.toThrow();
  });
});

function kernel(size: number): Model {
  const b = new GraphBuilder({ seed: size });
  const x = b.conv(b.input('input', 'float32', ['batch', 3, 8, 8]), { out: 4, kernel: size, padding: (size - 1) / 2 });
  b.output('logits', b.linear(b.flatten(b.globalAveragePool(x)), { out: 2 }));
  return b.build();
}

function depthwise(size: number): Model {
  const b = new GraphBuilder({ seed: size });
  const x = b.conv(b.input('input', 'float32', ['batch', 3, 8, 8]), { out: 4, kernel: 3 });
  const y = b.conv(x, { out: 4, kernel: size, groups: 4 });
  b.output('logits', b.linear(b.flatten(b.globalAveragePool(y)), { out: 2 }));
  return b.build();
}

function activated(opType: string, seed = 0): Model {
  const b = new GraphBuilder({ seed });
  const x = b.conv(b.input('input', 'float32', ['batch', 3, 8, 8]), { out: 4, kernel: 3 });
  b.output('logits', b.linear(b.flatten(b.globalAveragePool(b.op(opType, [x]))), { out: 2 }));
  return b.build();
}

describe('linearScores()', () => {
  const weights = [
    [2, 0, -1],
    [0, 0.5, 0],
  ];
  const expected = (rows: readonly number[][]) => rows.map(([a = 0, b = 0, c = 0]) => [2 * a - c + 1, 0.5 * b - 3]);

  it('takes the sums into the last product', async () => {
    const model = net(1, { scores: 3 });
    const changed = linearScores(model, weights, [1, -3]);
    const made = await scoresOf(changed);
    for (const [i, row] of expected(await scoresOf(model)).entries()) expectClose(made[i] ?? [], row, 1e-5);
    expect(changed.graph.nodes.filter(({ opType }) => opType === 'Gemm')).toHaveLength(1);
    expect(changed.graph.outputs).toMatchObject([{ name: 'logits', type: { dims: ['batch', 2] } }]);
  });

  it('adds a product where scores come from something else', async () => {
    const model = sideBySide([net(1), net(2, { scores: 2 })]);
    const made = await scoresOf(linearScores(model, weights, [1, -3]));
    for (const [i, row] of expected(await scoresOf(model)).entries()) expectClose(made[i] ?? [], row, 1e-5);
  });

  it('refuses sums of others than there are', () => {
    expect(() => linearScores(net(1), weights, [1, -3])).toThrow('a weight for each of the 1 that the model has');
  });
});
