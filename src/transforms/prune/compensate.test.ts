import { describe, expect, it } from 'vitest';
import { expectClose } from '../../../test/expect-close.ts';
import { randomFeeds, runModel } from '../../../test/run-onnx.ts';
import { type Model, Tensor } from '../../graph/index.ts';
import { GraphBuilder } from '../../ops/index.ts';
import { channelGroups } from '../channels/index.ts';
import type { InputMoments } from '../input-moments.ts';
import { gram, matrix, transposed } from '../matrix.ts';
import { compensatingRemoved } from './compensate.ts';
import { removeChannels } from './remove-channels.ts';

const SIZE = 6;

function compensateRemoved(...given: Parameters<typeof compensatingRemoved>): Model {
  const steps = compensatingRemoved(...given);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** Channels 4 to 7 of the first layer are sums of channels 0 to 3, which the second layer reads as `read` does. */
function redundant(read: (b: GraphBuilder, maps: string) => string): Model {
  const b = new GraphBuilder({ seed: 5 });
  const x = b.input('x', 'float32', ['batch', 3, SIZE, SIZE]);
  b.output('y', read(b, b.conv(x, { out: 8, kernel: 3, padding: 1, bias: false, name: 'a' })));
  const model = b.build();
  const rows = Float32Array.from(model.graph.initializers.get('a.weight')?.float32s() ?? []);
  const row = rows.length / 8;
  for (let i = 0; i < row; i++) {
    for (let c = 4; c < 8; c++) {
      rows[c * row + i] = (rows[(c - 4) * row + i] as number) + 0.5 * (rows[((c - 3) % 4) * row + i] as number);
    }
  }
  const initializers = new Map(model.graph.initializers).set('a.weight', Tensor.float32([8, 3, 3, 3], rows));
  return { ...model, graph: { ...model.graph, initializers } };
}

/** Of the second layer's input, from what ONNX Runtime says it is. */
async function momentsOf(model: Model, value: string): Promise<InputMoments> {
  const shown = { ...model, graph: { ...model.graph, outputs: [{ name: value, type: undefined }] } };
  const { dims = [], data: all } = (await runModel(shown, randomFeeds(model, 9, 64)))[value] ?? {};
  const data = all as Float32Array;
  const [count = 0, channels = 0, ...area] = dims;
  const pixels = area.reduce((a, b) => a * b, 1);
  const rows = matrix(count * pixels, channels);
  for (let n = 0; n < count; n++)
    for (let c = 0; c < channels; c++)
      for (let p = 0; p < pixels; p++)
        rows.data[(n * pixels + p) * channels + c] = data[(n * channels + c) * pixels + p] as number;
  return { channels: gram(transposed(rows)) };
}

const READERS: readonly (readonly [string, (b: GraphBuilder, maps: string) => string])[] = [
  ['a convolution', (b, maps) => b.conv(maps, { out: 5, kernel: 3, padding: 1, name: 'c' })],
  ['a Gemm', (b, maps) => b.linear(b.flatten(b.globalAveragePool(maps)), { out: 5, name: 'c' })],
  [
    'a MatMul, whose weights are [in, out]',
    (b, maps) => {
      const weights = Float32Array.from({ length: 40 }, (_, i) => Math.sin(i));
      return b.op('MatMul', [b.flatten(b.globalAveragePool(maps)), b.parameter('c.weight', [8, 5], weights)]);
    },
  ],
  [
    'a convolution that is itself narrower then',
    (b, maps) => b.conv(b.conv(maps, { out: 6, kernel: 1, name: 'c' }), { out: 4, kernel: 1, name: 'd' }),
  ],
];

describe('compensateRemoved()', () => {
  it.each(READERS)('keeps what %s answers, where what went was a sum of what stays', async (_, read) => {
    const model = redundant(read);
    const groups = channelGroups(model);
    const unitsOf = (name: string) => groups.groups.find((group) => group.name === name)?.units ?? [];
    const remove = unitsOf('a').slice(4);
    const reader = model.graph.nodes.find(({ inputs }) => inputs[1] === 'c.weight');
    const moments = new Map([
      [reader?.name || (reader?.outputs[0] ?? ''), await momentsOf(model, reader?.inputs[0] ?? '')],
    ]);
    const narrow = removeChannels(model, groups, remove);
    const after = compensateRemoved(model, narrow, groups, remove, moments);
    const feeds = randomFeeds(model, 4);
    const [whole, plain, spoken] = [
      (await runModel(model, feeds)).y?.data as Float32Array,
      (await runModel(narrow, feeds)).y?.data as Float32Array,
      (await runModel(after, feeds)).y?.data as Float32Array,
    ];
    const distance = (a: Float32Array): number =>
      a.reduce((sum, value, i) => sum + (value - (whole[i] as number)) ** 2, 0) /
      whole.reduce((sum, value) => sum + value ** 2, 0);
    // But for the ridge.
    expect(distance(spoken)).toBeLessThan(0.01 * distance(plain));
  });

  it('solves the normal equations', () => {
    const b = new GraphBuilder();
    const x = b.conv(b.input('x', 'float32', ['batch', 3, 4, 4]), { out: 3, kernel: 1, name: 'a' });
    b.output('y', b.conv(x, { out: 1, kernel: 1, name: 'c' }));
    const built = b.build();
    const weights = Tensor.float32([1, 3, 1, 1], Float32Array.of(1, 2, 4));
    const initializers = new Map(built.graph.initializers).set('c.weight', weights);
    const model = { ...built, graph: { ...built.graph, initializers } };
    const groups = channelGroups(model);
    const remove = [groups.groups.find(({ name }) => name === 'a')?.units[2] ?? -1];
    const reader = model.graph.nodes[1]?.name ?? '';
    // The mean of the diagonal is 1, the ridge 0.01: C_KK = [[1.01, 0.5], [0.5, 1.01]], C_KR = [0.6, 0.3].
    const moments = matrix(3, 3, Float64Array.of(1, 0.5, 0.6, 0.5, 1, 0.3, 0.6, 0.3, 1));
    const after = compensateRemoved(
      model,
      removeChannels(model, groups, remove),
      groups,
      remove,
      new Map([[reader, { channels: moments }]]),
    );
    const determinant = 1.01 ** 2 - 0.25;
    const shares = [(1.01 * 0.6 - 0.5 * 0.3) / determinant, (1.01 * 0.3 - 0.5 * 0.6) / determinant];
    const expected = [1 + 4 * (shares[0] as number), 2 + 4 * (shares[1] as number)];
    expectClose(after.graph.initializers.get('c.weight')?.float32s() ?? [], expected, 1e-6);
  });

  it('leaves weights alone of whose input nothing is known', () => {
    const model = redundant((b, maps) => b.conv(maps, { out: 5, kernel: 1 }));
    const groups = channelGroups(model);
    const narrow = removeChannels(model, groups, [0]);
    expect(compensateRemoved(model, narrow, groups, [0], new Map())).toBe(narrow);
    const silent = new Map(model.graph.nodes.map(({ name }) => [name, { channels: matrix(8, 8) }] as const));
    expect(compensateRemoved(model, narrow, groups, [0], silent)).toBe(narrow);
  });
});
