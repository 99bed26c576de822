/** Small networks drawn at random from everything that ties channels together, for tests of what changes their widths. */
import { Random } from '../src/base/index.ts';
import { type Model, Tensor } from '../src/graph/index.ts';
import { GraphBuilder } from '../src/ops/index.ts';

type Block = (b: GraphBuilder, x: string, random: Random) => string;

const channelsOf = (b: GraphBuilder, x: string): number => b.sizeOf(x, 1);
const pick = <T>(random: Random, items: readonly T[]): T => items[random.integer(items.length)] as T;

function convBn(b: GraphBuilder, x: string, out: number, groups = 1, stride = 1): string {
  return b.batchNorm(b.conv(x, { out, kernel: 3, padding: 1, groups, stride, bias: false }));
}

const BLOCKS: Readonly<Record<string, Block>> = {
  plain: (b, x, random) => b.relu(convBn(b, x, pick(random, [4, 6, 8]))),
  biased: (b, x, random) => b.relu(b.conv(x, { out: pick(random, [4, 8]), kernel: 1 })),
  residual: (b, x) => b.relu(b.add(convBn(b, b.relu(convBn(b, x, 5)), channelsOf(b, x)), x)),
  preactivated: (b, x) => b.add(b.conv(b.relu(b.batchNorm(x)), { out: channelsOf(b, x), kernel: 3, padding: 1 }), x),
  projected: (b, x) => b.relu(b.add(convBn(b, x, 6), b.conv(x, { out: 6, kernel: 1, bias: false }))),
  padded: (b, x, random) => {
    const [before, after] = [random.integer(3), random.integer(3)];
    const branch = convBn(b, x, channelsOf(b, x) + before + after);
    return b.relu(b.add(branch, b.pad(x, [0, before, 0, 0, 0, after, 0, 0])));
  },
  paddedAlone: (b, x) => b.relu(b.batchNorm(b.pad(x, [0, 1, 0, 0, 0, 2, 0, 0]))),
  branches: (b, x) => b.concat([b.relu(convBn(b, x, 4)), b.relu(b.conv(x, { out: 3, kernel: 1 }))]),
  dense: (b, x) => b.concat([x, b.conv(b.relu(b.batchNorm(x)), { out: 3, kernel: 3, padding: 1, bias: false })]),
  places: (b, x) => b.relu(b.conv(b.relu(convBn(b, x, 8)), { out: 12, kernel: 3, padding: 1, groups: 2 })),
  wholeGroups: (b, x) => b.relu(b.conv(b.relu(convBn(b, x, 8)), { out: 8, kernel: 3, padding: 1, groups: 4 })),
  depthwise: (b, x, random) => b.relu(convBn(b, x, channelsOf(b, x) * pick(random, [1, 2]), channelsOf(b, x))),
  shuffled: (b, x) => b.channelShuffle(b.relu(convBn(b, x, 6)), 2),
  // A shuffle that also swaps height and width is no permutation of channels, although the shape comes back.
  shuffledAndTurned: (b, x) => {
    const split = b.reshape(b.relu(convBn(b, x, 6)), [-1, 2, 3, b.sizeOf(x, 2), b.sizeOf(x, 3)]);
    return b.reshape(b.transpose(split, [0, 2, 1, 4, 3]), [-1, 6, b.sizeOf(x, 3), b.sizeOf(x, 2)]);
  },
  shuffleUnit: (b, x) => {
    const [left = '', right = ''] = b.split(convBn(b, x, 8), [4, 4]);
    return b.channelShuffle(b.concat([left, b.relu(convBn(b, b.relu(convBn(b, right, 5)), 4))]), 2);
  },
  sliced: (b, x) =>
    b.slice(b.relu(convBn(b, x, 7)), [
      { axis: 1, start: 1, end: 6 },
      { axis: 2, start: 0, step: 1 },
    ]),
  gathered: (b, x) =>
    b.op('Gather', [b.relu(convBn(b, x, 5)), b.constant(Tensor.int64s([4, 0, -2, 0, 2]))], { axis: 1 }),
  excited: (b, x) => {
    const narrow = b.relu(b.conv(b.globalAveragePool(x), { out: 4, kernel: 1 }));
    return b.mul(x, b.sigmoid(b.conv(narrow, { out: channelsOf(b, x), kernel: 1 })));
  },
  excitedByLinear: (b, x) => {
    const pooled = b.flatten(b.globalAveragePool(x));
    const gate = b.sigmoid(b.linear(b.relu(b.linear(pooled, { out: 3 })), { out: channelsOf(b, x) }));
    return b.mul(x, b.reshape(gate, [-1, channelsOf(b, x), 1, 1]));
  },
  transposed: (b, x) =>
    b.maxPool(b.relu(b.convTranspose(x, { out: 5, kernel: 2, stride: 2 })), { kernel: 2, stride: 2 }),
  transposedGroups: (b, x) => b.relu(b.convTranspose(convBn(b, x, 4), { out: 8, kernel: 3, padding: 1, groups: 2 })),
  transposedDepthwise: (b, x) =>
    b.relu(b.convTranspose(x, { out: 2 * channelsOf(b, x), kernel: 3, padding: 1, groups: channelsOf(b, x) })),
  constants: (b, x) => {
    const of = (name: string): string => b.scope(x, () => b.parameter(name, [channelsOf(b, x), 1, 1], 0.5));
    const scaled = b.op('Div', [b.mul(x, of('scale')), of('divisor')]);
    return b.op('PRelu', [b.add(scaled, of('shift')), of('slope')]);
  },
  instances: (b, x) => {
    const vector = (name: string): string => b.parameter(name, [channelsOf(b, x)], 0.7);
    return b.scope(x, () => b.relu(b.op('InstanceNormalization', [x, vector('scale'), vector('bias')])));
  },
  resized: (b, x) => {
    const sizes = b.constant(Tensor.int64s([2, channelsOf(b, x), 10, 6]));
    return b.op('Resize', [x, '', '', sizes], { mode: 'nearest' });
  },
  channelsLast: (b, x) => {
    const weight = b.scope(x, () =>
      b.parameter(
        'weight',
        [channelsOf(b, x), 6],
        Float32Array.from({ length: channelsOf(b, x) * 6 }, (_, i) => Math.sin(i)),
      ),
    );
    return b.transpose(b.relu(b.op('MatMul', [b.transpose(x, [0, 2, 3, 1]), weight])), [0, 3, 1, 2]);
  },
  // Not understood: what it sees must be left alone.
  softmax: (b, x) => b.softmax(x, 1),
  strided: (b, x) => b.slice(b.relu(convBn(b, x, 8)), [{ axis: 1, start: 0, step: 2 }]),
  acrossChannels: (b, x) => b.mul(x, b.op('ReduceMean', [x], { axes: [1] })),
};

const HEADS: readonly Block[] = [
  (b, x) => b.linear(b.flatten(b.globalAveragePool(x)), { out: 4 }),
  (b, x) => b.linear(b.relu(b.linear(b.flatten(x), { out: 9 })), { out: 4 }),
  (b, x) => b.linear(b.reshape(x, [0, -1]), { out: 4 }),
  (b, x) => {
    const pooled = b.flatten(b.globalAveragePool(x));
    const values = Float32Array.from({ length: 4 * channelsOf(b, x) }, (_, i) => Math.cos(i));
    return b.op('Gemm', [pooled, b.parameter('weight', [channelsOf(b, x), 4], values)]);
  },
  (b, x) => b.linear(b.reshape(b.globalAveragePool(x), [-1, channelsOf(b, x)]), { out: 4 }),
  (b, x) => b.linear(b.op('ReduceMean', [x], { axes: [2, 3], keepdims: 0 }), { out: 4 }),
  (b, x) => b.flatten(b.globalAveragePool(b.conv(x, { out: 4, kernel: 1 }))),
];

/** A network of two to five blocks with random weights, statistics among them; the same for the same seed. */
export function randomNetwork(seed: number): { model: Model; blocks: readonly string[] } {
  const random = new Random(seed);
  const b = new GraphBuilder({ seed });
  const batch = pick(random, ['batch', 2]);
  let x = b.relu(convBn(b, b.input('input', 'float32', [batch, 3, 6, 6]), 6));
  const blocks: string[] = [];
  for (let i = 0; i < 2 + random.integer(4); i++) {
    const name = pick(random, Object.keys(BLOCKS));
    blocks.push(name);
    const from = x;
    x = b.scope(`block${i}`, () => (BLOCKS[name] as Block)(b, from, random));
  }
  b.output('logits', pick(random, HEADS)(b, x, random));
  // Whoever reads these sees every channel.
  if (random.uniform() < 0.2) b.output('features', b.op('ReduceMax', [x], { axes: [2, 3] }));
  if (random.uniform() < 0.2) b.output('shape', b.op('Shape', [x]));
  const model = b.build();
  const initializers = new Map(model.graph.initializers);
  for (const [name, { dtype, dims, size }] of initializers) {
    if (dtype !== 'float32' || dims.filter((dim) => dim > 1).length > 1) continue;
    const values = Float32Array.from({ length: size }, () => random.uniform(0.5, 1.5));
    initializers.set(name, Tensor.float32(dims, values));
  }
  // Exporters leave the batch without a name, too.
  const inputs =
    batch === 2 || random.uniform() < 0.5
      ? model.graph.inputs
      : model.graph.inputs.map((each) => ({
          ...each,
          type: { dtype: 'float32' as const, dims: [undefined, 3, 6, 6] },
        }));
  return { model: { ...model, graph: { ...model.graph, inputs, initializers } }, blocks };
}
