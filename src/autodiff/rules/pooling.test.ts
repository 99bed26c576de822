import { describe, expect, it } from 'vitest';
import { checkGradient } from '../../../test/check-gradient.ts';
import { feed, runModel } from '../../../test/run-onnx.ts';
import { Random } from '../../base/index.ts';
import { type AttributeLike, Tensor } from '../../graph/index.ts';
import { GraphBuilder } from '../../ops/index.ts';
import { differentiate } from '../differentiate.ts';
import { GraphWriter } from '../graph-writer.ts';

const upTo = (random: Random, high: number, low = 1) => low + random.integer(high - low + 1);

/** What is linear takes any step; what bends, in float32, a longer one than float64 would, and is less exact. */
const LINEAR = { dtype: 'float32', step: 1, tolerance: 2e-4 } as const;
const BENDING = { dtype: 'float32', step: 5e-3, tolerance: 5e-3 } as const;

/** Windows as the pools take them: padding that is narrower than the kernel. */
function drawWindow(random: Random, spatial: number, dilated: boolean) {
  const kernel = Array.from({ length: spatial }, () => upTo(random, 3));
  const dilations = kernel.map(() => (dilated ? upTo(random, 2) : 1));
  const autoPad = dilated ? undefined : random.pick([undefined, undefined, undefined, 'SAME_UPPER', 'SAME_LOWER']);
  const reach = kernel.map((size, i) => (size - 1) * (dilations[i] ?? 1) + 1);
  return {
    sizes: reach.map((size) => size + random.integer(5)),
    attributes: {
      kernel_shape: kernel,
      strides: kernel.map(() => upTo(random, 3)),
      dilations: dilated ? dilations : undefined,
      pads: autoPad === undefined ? [...kernel, ...kernel].map((size) => random.integer(size)) : undefined,
      auto_pad: autoPad,
      ceil_mode: autoPad === undefined ? random.integer(2) : 0,
    },
  };
}

/** The same with a first axis whose last window lies behind the data, so that ceil_mode drops it. */
function drawDropping(random: Random, spatial: number, dilated: boolean): ReturnType<typeof drawWindow> {
  const drawn = drawWindow(random, spatial, dilated);
  const { sizes, attributes } = drawn;
  const { kernel_shape: kernel, strides } = attributes;
  const pads = attributes.pads ?? [...kernel, ...kernel].map((size) => random.integer(size));
  const [size, window, step, before, after] = random.pick([
    [5, 2, 2, 1, 1],
    [7, 3, 3, 2, 2],
    [2, 1, 2, 0, 0],
  ]);
  const dropping = {
    ...attributes,
    auto_pad: undefined,
    ceil_mode: 1,
    kernel_shape: kernel.with(0, window as number),
    strides: strides.with(0, step as number),
    dilations: attributes.dilations?.with(0, 1),
    pads: pads.with(0, before as number).with(spatial, after as number),
  };
  return { sizes: sizes.with(0, size as number), attributes: dropping };
}

const OPSETS = [13, 17, 18, 19, 21, 22];

/** Whole numbers that are all different: a step may be as long as 0.1 and leaves their order as it is. */
const apart = () => {
  const taken = new Set<number>();
  return (random: Random): number => {
    let value = random.integer(4000);
    while (taken.has(value)) value = random.integer(4000);
    taken.add(value);
    return value - 2000;
  };
};

describe('MaxPool', () => {
  it.each([13, 17])('overlapping, padded, dilated, with ceil_mode, in opset %i', async (opset) => {
    const random = new Random(opset);
    for (let seed = 0; seed < 18; seed++) {
      const { sizes, attributes } = drawWindow(random, 1 + (seed % 3), seed % 2 === 1);
      await checkGradient({
        opType: 'MaxPool',
        opset,
        inputs: [[upTo(random, 3), upTo(random, 3), ...sizes]],
        attributes: { ...attributes, storage_order: sizes.length > 1 && seed % 5 === 0 ? 1 : 0 },
        draw: apart(),
        step: 0.1,
        symbolicBatch: seed % 4 < 2,
        seed,
      });
    }
  });
});

describe('ceil_mode that drops a last window', () => {
  it.each(OPSETS)('in opset %i', async (opset) => {
    const random = new Random(opset);
    for (let seed = 0; seed < 24; seed++) {
      const opType = seed % 2 === 0 ? 'MaxPool' : 'AveragePool';
      const dilated = seed % 5 === 0 && (opType === 'MaxPool' || opset >= 19);
      const { sizes, attributes } = drawDropping(random, 1 + (seed % 3), dilated);
      await checkGradient({
        opType,
        opset,
        inputs: [[upTo(random, 3), upTo(random, 3), ...sizes]],
        symbolicBatch: seed % 4 < 2,
        ...(opType === 'MaxPool'
          ? { attributes, draw: apart(), step: 0.1 }
          : { attributes: { ...attributes, count_include_pad: random.integer(2) }, ...LINEAR }),
        seed,
      });
    }
  });

  it.each(['MaxPool', 'AveragePool'])('%s below a convolution, where no gradient passes it', async (opType) => {
    for (const opset of OPSETS) {
      const builder = new GraphBuilder({ opset });
      builder.input('x', 'float32', ['batch', 1, 5, 5]);
      const window = { kernel_shape: [2, 2], strides: [2, 2], pads: [1, 1, 1, 1], ceil_mode: 1 };
      const weight = builder.parameter('weight', [1, 1, 2, 2], 1);
      builder.output('y', builder.op('Conv', [builder.op(opType, ['x'], window), weight]));
      const writer = new GraphWriter(builder.build());
      const seed = writer.constant(Tensor.of('float32', [1, 1, 2, 2], [1, 1, 1, 1]));
      const gradient = differentiate(writer, { seeds: new Map([['y', seed]]), wrt: [weight] }).get(weight) as string;
      const x = Float32Array.from({ length: 25 }, (_, i) => i);
      const outputs = await runModel(writer.build(new Map([['grad', gradient]])), {
        x: feed('float32', x, [1, 1, 5, 5]),
      });
      // The pool of 0 to 24 is [[0, 2, 4], [10, 12, 14], [20, 22, 24]] as a maximum, as an average
      // [[0, 1.5, 3.5], [7.5, 9, 11], [17.5, 19, 21]]; the gradient of each weight sums the four elements that it meets.
      const expected = opType === 'MaxPool' ? [24, 32, 64, 72] : [18, 25, 53, 60];
      expect(Array.from(outputs.grad?.data as Float32Array)).toEqual(expected);
    }
  });
});

/** The gradient by x of the sum of an operator's outputs weighted with `dy`. */
async function gradientOf(
  opType: string,
  attributes: Readonly<Record<string, AttributeLike>>,
  x: readonly number[],
  dims: readonly number[],
  dy: readonly number[],
) {
  const builder = new GraphBuilder({ opset: 17 });
  builder.input('x', 'float32', dims);
  builder.output('y', builder.op(opType, ['x'], attributes));
  const writer = new GraphWriter(builder.build());
  const seed = writer.constant(Tensor.of('float32', writer.dims('y') as number[], dy));
  const gradient = differentiate(writer, { seeds: new Map([['y', seed]]), wrt: ['x'] }).get('x') as string;
  const outputs = await runModel(writer.build(new Map([['grad', gradient]])), {
    x: feed('float32', Float32Array.from(x), dims),
  });
  return Array.from(outputs.grad?.data as Float32Array);
}

it('MaxPool gives the gradient of a tie to the first of its maxima, and adds up where windows overlap', async () => {
  // torch.nn.functional.max_pool2d(x, 2, stride=1).backward(dy), x [1, 1, 3, 3], PyTorch 2.15
  expect(
    await gradientOf('MaxPool', { kernel_shape: [2, 2] }, [1, 1, 0, 1, 1, 0, 0, 0, 0], [1, 1, 3, 3], [1, 2, 4, 8]),
  ).toEqual([1, 2, 0, 4, 8, 0, 0, 0, 0]);
});

it('GlobalMaxPool gives the gradient of a tie to the first of its maxima', async () => {
  // torch.nn.functional.adaptive_max_pool2d(x, 1).backward(dy), x [1, 2, 2, 2], PyTorch 2.15
  expect(await gradientOf('GlobalMaxPool', {}, [0, 3, 3, 1, -1, -2, -1, -1], [1, 2, 2, 2], [5, 7])).toEqual([
    0, 5, 0, 0, 7, 0, 0, 0,
  ]);
});

it('AveragePool divides at a padded border, counting the padding or not, as PyTorch does', async () => {
  // torch.nn.functional.avg_pool2d(x, 3, 2, 1, False, include).backward(ones), x [1, 1, 4, 3], PyTorch 2.15
  const pool = { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] };
  const x = Array.from({ length: 12 }, (_, i) => i);
  const ones = [1, 1, 1, 1];
  const closeTo = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 6));
  expect(await gradientOf('AveragePool', { ...pool, count_include_pad: 1 }, x, [1, 1, 4, 3], ones)).toEqual(
    closeTo([1, 2, 1, 2, 4, 2, 1, 2, 1, 1, 2, 1].map((ninths) => ninths / 9)),
  );
  expect(await gradientOf('AveragePool', pool, x, [1, 1, 4, 3], ones)).toEqual(
    closeTo([3, 6, 3, 5, 10, 5, 2, 4, 2, 2, 4, 2].map((twelfths) => twelfths / 12)),
  );
});

describe('AveragePool, LpPool and the global pools', () => {
  it('AveragePool: padded, counting the padding or not, with ceil_mode and automatic padding', async () => {
    const random = new Random(5);
    for (let seed = 0; seed < 24; seed++) {
      const { sizes, attributes } = drawWindow(random, 1 + (seed % 3), seed % 4 === 3);
      await checkGradient({
        opType: 'AveragePool',
        opset: seed % 4 === 3 ? 19 : 17,
        inputs: [[upTo(random, 3), upTo(random, 3), ...sizes]],
        attributes: { ...attributes, count_include_pad: random.integer(2) },
        symbolicBatch: seed % 2 === 0,
        ...LINEAR,
        seed,
      });
    }
  });

  it('AveragePool in tiles, with a rest that no tile covers', async () => {
    for (const [height, width] of [
      [4, 6],
      [5, 7],
    ] as const) {
      await checkGradient({
        opType: 'AveragePool',
        inputs: [[2, 3, height, width]],
        attributes: { kernel_shape: [2, 3], strides: [2, 3] },
        symbolicBatch: true,
        ...LINEAR,
      });
    }
  });

  it.each([1, 2, 3])('LpPool and GlobalLpPool of order %i', async (p) => {
    const random = new Random(6);
    const draw = (r: Random) => r.uniform(0.5, 2) * (r.integer(2) === 0 ? 1 : -1);
    for (let seed = 0; seed < 4; seed++) {
      const { sizes, attributes } = drawWindow(random, 2, false);
      const { ceil_mode: _none, dilations: _neither, ...window } = attributes;
      await checkGradient({
        opType: 'LpPool',
        inputs: [[2, 2, ...sizes]],
        attributes: { ...window, p },
        draw,
        ...BENDING,
        seed,
      });
    }
    await checkGradient({ opType: 'GlobalLpPool', inputs: [[2, 3, 4, 2]], attributes: { p }, draw, ...BENDING });
  });

  it('GlobalAveragePool and GlobalMaxPool', async () => {
    for (const dims of [
      [2, 3, 4],
      [2, 3, 4, 5],
      [1, 2, 3, 2, 2],
    ]) {
      await checkGradient({ opType: 'GlobalAveragePool', inputs: [dims], symbolicBatch: true, ...LINEAR });
      await checkGradient({
        opType: 'GlobalMaxPool',
        inputs: [dims],
        symbolicBatch: true,
        draw: apart(),
        ...LINEAR,
        step: 0.1,
        tolerance: 2e-3,
      });
    }
  });

  it('MaxUnpool', async () => {
    await checkGradient({
      opType: 'MaxUnpool',
      inputs: [[1, 1, 2, 2], Tensor.of('int64', [1, 1, 2, 2], [5, 7, 13, 15])],
      attributes: { kernel_shape: [2, 2], strides: [2, 2] },
      ...LINEAR,
    });
  });
});
