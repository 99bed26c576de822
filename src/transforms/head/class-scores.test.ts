import { describe, expect, it } from 'vitest';
import { expectClose } from '../../../test/expect-close.ts';
import { feed, openOnnx } from '../../../test/run-onnx.ts';
import { Random } from '../../base/index.ts';
import { type Model, Tensor } from '../../graph/index.ts';
import { serializeModel } from '../../onnx/index.ts';
import { GraphBuilder } from '../../ops/index.ts';
import { fold } from '../fold.ts';
import { runPasses } from '../pass.ts';
import { withClassScores } from './class-scores.ts';
import { classifierHead } from './classifier-head.ts';
import { exactClassScores } from './exact-class-scores.ts';
import { recombineClasses } from './recombine-classes.ts';

const CLASSES = 5;
const normals = (count: number, seed: number): Float32Array => {
  const random = new Random(seed);
  return Float32Array.from({ length: count }, () => random.normal());
};

type Head = (b: GraphBuilder, maps: string) => string;

const weight = (b: GraphBuilder, dims: readonly number[], seed: number): string =>
  b.initializer(
    'w',
    Tensor.float32(
      dims,
      normals(
        dims.reduce((a, d) => a * d),
        seed,
      ),
    ),
  );
const bias = (b: GraphBuilder, dims: readonly number[]): string =>
  b.initializer(
    'b',
    Tensor.float32(
      dims,
      normals(
        dims.reduce((a, d) => a * d, 1),
        9,
      ),
    ),
  );
const pooled = (b: GraphBuilder, maps: string): string => b.flatten(b.globalAveragePool(maps));

const HEADS: Readonly<Record<string, Head>> = {
  Gemm: (b, x) => b.op('Gemm', [pooled(b, x), weight(b, [CLASSES, 6], 1), bias(b, [CLASSES])], { transB: 1 }),
  'Gemm of [in, out] without bias': (b, x) => b.op('Gemm', [pooled(b, x), weight(b, [6, CLASSES], 2)]),
  'Gemm with one bias for all': (b, x) => b.op('Gemm', [pooled(b, x), weight(b, [6, CLASSES], 2), bias(b, [])]),
  'Gemm with factors': (b, x) =>
    b.op('Gemm', [pooled(b, x), weight(b, [6, CLASSES], 2), bias(b, [1, CLASSES])], { alpha: 0.5, beta: 2 }),
  'MatMul and Add': (b, x) => b.add(bias(b, [CLASSES]), b.op('MatMul', [pooled(b, x), weight(b, [6, CLASSES], 3)])),
  'flattened maps': (b, x) =>
    b.op('Gemm', [b.flatten(x), weight(b, [CLASSES, 96], 1), bias(b, [CLASSES])], { transB: 1 }),
  'convolution, then the average': (b, x) => {
    const maps = b.op('Conv', [x, weight(b, [CLASSES, 6, 1, 1], 4), bias(b, [CLASSES])]);
    return b.flatten(b.globalAveragePool(maps));
  },
  'average, convolution, Reshape': (b, x) => {
    const maps = b.op('Conv', [b.globalAveragePool(x), weight(b, [CLASSES, 6, 1, 1], 5)]);
    return b.reshape(b.add(maps, bias(b, [CLASSES, 1, 1])), [-1, CLASSES]);
  },
};

function classifier(head: Head): Model {
  const b = new GraphBuilder({ seed: 2 });
  const x = b.input('input', 'float32', ['batch', 3, 4, 4]);
  b.output('scores', head(b, b.relu(b.conv(x, { out: 6, kernel: 3, padding: 1 }))));
  return runPasses(b.build(), [fold]).model;
}

const IMAGES = 3;

async function scoresOf(model: Model): Promise<number[][]> {
  const session = await openOnnx(serializeModel(model));
  const result = await session.run({ input: feed('float32', normals(IMAGES * 48, 7), [IMAGES, 3, 4, 4]) });
  await session.release();
  const { data, dims } = Object.values(result)[0] as unknown as { data: Float32Array; dims: readonly number[] };
  const width = dims[1] as number;
  expect(dims).toEqual([IMAGES, width]);
  return Array.from({ length: IMAGES }, (_, i) => [...data.subarray(i * width, (i + 1) * width)]);
}

const mean = (numbers: readonly number[]): number => numbers.reduce((sum, n) => sum + n, 0) / numbers.length;

describe.each(Object.entries(HEADS))('withClassScores() of %s', (_, head) => {
  const model = classifier(head);

  it('keeps the scores of a group behind the mean of the others', async () => {
    const all = await scoresOf(model);
    const own = await scoresOf(withClassScores(model, [1, 3]));
    for (const [i, s] of all.entries()) {
      const [a, b, c, d, e] = s as [number, number, number, number, number];
      expectClose(own[i] ?? [], [mean([a, c, e]), b, d], 1e-5);
    }
  });

  it('has one logit for a class, its score less the mean of the others', async () => {
    const all = await scoresOf(model);
    const own = await scoresOf(withClassScores(model, [2]));
    for (const [i, s] of all.entries()) {
      expectClose(own[i] ?? [], [(s[2] as number) - mean([0, 1, 3, 4].map((c) => s[c] as number))], 1e-5);
    }
  });

  it('has for all classes the mean of them as other', async () => {
    const all = await scoresOf(model);
    const own = await scoresOf(withClassScores(model, [0, 1, 2, 3, 4]));
    for (const [i, s] of all.entries()) expectClose(own[i] ?? [], [mean(s), ...s], 1e-5);
  });
});

describe('exactClassScores()', () => {
  const logMeanExp = (s: readonly number[]): number => Math.log(mean(s.map(Math.exp)));

  it.each([['Gemm'], ['convolution, then the average']])(
    'has the log of the mean exponential as other: %s',
    async (name) => {
      const model = classifier(HEADS[name] as Head);
      const all = await scoresOf(model);
      const own = await scoresOf(exactClassScores(model, [4, 1]));
      for (const [i, s] of all.entries()) {
        const [a, b, c, d, e] = s as [number, number, number, number, number];
        expectClose(own[i] ?? [], [logMeanExp([a, c, d]), e, b], 1e-5);
      }
    },
  );

  it('takes the logits before a Softmax', async () => {
    const softmaxed = classifier((b, x) => b.softmax((HEADS.Gemm as Head)(b, x)));
    const plain = classifier(HEADS.Gemm as Head);
    expect(await scoresOf(exactClassScores(softmaxed, [1]))).toEqual(await scoresOf(exactClassScores(plain, [1])));
  });

  it('never says other of a group of all classes', async () => {
    const model = classifier(HEADS.Gemm as Head);
    const [first = []] = await scoresOf(exactClassScores(model, [0, 1, 2, 3, 4]));
    expect(first[0]).toBeCloseTo((first[1] as number) - 30, 4);
  });
});

describe('withClassScores()', () => {
  it('gives logits of a model that ends in a Softmax', async () => {
    const plain = classifier(HEADS.Gemm as Head);
    const softmaxed = classifier((b, x) => b.softmax((HEADS.Gemm as Head)(b, x)));
    expect(await scoresOf(withClassScores(softmaxed, [0, 4]))).toEqual(await scoresOf(withClassScores(plain, [0, 4])));
  });

  it('has a logit of both signs where the maps go through a Relu', async () => {
    const squeezed = (x: string, b: GraphBuilder) => b.op('Conv', [x, weight(b, [CLASSES, 6, 1, 1], 4)]);
    const behind = classifier((b, x) => pooled(b, b.relu(squeezed(x, b))));
    const before = classifier((b, x) => pooled(b, squeezed(x, b)));
    expect(await scoresOf(withClassScores(behind, [1]))).toEqual(await scoresOf(withClassScores(before, [1])));
    // In a group each class keeps what it has.
    const all = await scoresOf(behind);
    const own = await scoresOf(withClassScores(behind, [1, 2]));
    expect(own.map(([, ...rest]) => rest)).toEqual(all.map((s) => s.slice(1, 3)));
  });

  it('leaves out what only other outputs need', () => {
    const b = new GraphBuilder();
    const x = b.input('input', 'float32', ['batch', 3, 4, 4]);
    b.output('scores', (HEADS.Gemm as Head)(b, b.relu(b.conv(x, { out: 6, kernel: 3, padding: 1 }))));
    b.output('mask', b.conv(x, { out: 2, kernel: 1 }));
    const { graph } = withClassScores(b.build(), [0, 1]);
    expect(graph.outputs).toMatchObject([{ name: 'scores', type: { dims: ['batch', 3] } }]);
    expect(graph.nodes.filter(({ opType }) => opType === 'Conv')).toHaveLength(1);
  });

  it.each([[[]], [[5]], [[1, 1]], [[-1]]])('refuses classes %j', (classes) => {
    expect(() => withClassScores(classifier(HEADS.Gemm as Head), classes)).toThrow('different ones from 0 to 4');
  });

  it.each<[string, Head, string]>([
    ['a product of two values', (b, x) => b.mul(pooled(b, x), pooled(b, x)), "they come from node '/Mul'"],
    [
      'a shared weight',
      (b, x) => {
        const w = weight(b, [6, 6], 1);
        return b.op('MatMul', [b.op('MatMul', [pooled(b, x), w]), w]);
      },
      "'w' is used 2 times",
    ],
    [
      'a convolution in groups',
      (b, x) => pooled(b, b.conv(x, { out: 6, kernel: 1, groups: 2 })),
      "they come from node '/conv2/Conv'",
    ],
    [
      'scores over places',
      (b, x) => b.flatten(b.conv(x, { out: CLASSES, kernel: 3 })),
      'should become [batch, 1], but are [batch,4]',
    ],
  ])('refuses %s', (_, head, message) => {
    const refused = () => withClassScores(classifier(head), [0]);
    expect(refused).toThrow(/Cannot take the classes of 'scores' apart/);
    expect(refused).toThrow(message);
  });
});

it('classifierHead() names what the last layer reads', () => {
  const { features, classes } = classifierHead(classifier(HEADS['convolution, then the average'] as Head));
  expect([features, classes]).toEqual(['/Relu_output_0', CLASSES]);
});

it('recombineClasses() refuses rows of another length', () => {
  expect(() => recombineClasses(classifier(HEADS.Gemm as Head), [[1, 2]])).toThrow(
    'need a weight for each of the 5 that the model has, received 2',
  );
});
