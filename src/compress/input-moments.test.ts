import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectClose } from '../../test/expect-close.ts';
import { smallImages } from '../../test/small-training.ts';
import { SkeinError } from '../base/index.ts';
import { LoadedDataset } from '../data/dataset.ts';
import type { Dataset } from '../data/index.ts';
import type { Model } from '../graph/index.ts';
import { GraphBuilder } from '../ops/index.ts';
import { observeInputMoments } from './input-moments.ts';
import { Meter } from './meter.ts';

const PREPROCESSING = { shape: [3, 8, 8], mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } as const;

/** A PNG of one black pixel. */
const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==',
  'base64',
);

const meter = new Meter();
let data: Dataset;
beforeAll(async () => {
  data = await smallImages(10);
});
afterAll(async () => {
  await meter.close();
  await data.close();
});

/** A convolution of the image, and one matrix product of the whole image in a row. */
function network(batch: number | string): Model {
  const b = new GraphBuilder({ seed: 1 });
  const x = b.input('x', 'float32', [batch, 3, 8, 8]);
  const flat = b.linear(b.flatten(x), { out: 10 });
  b.output('y', b.add(flat, b.flatten(b.globalAveragePool(b.conv(x, { out: 10, kernel: 3 })))));
  return b.build();
}

/** Σ x xᵀ, of the channels at each pixel and of all values of an image, by hand. */
async function byHand(times: number) {
  const pixels = new Float64Array(9);
  const images = new Float64Array(192 ** 2);
  const neighbours = { vertical: [0, 0, 0], horizontal: [0, 0, 0] };
  for await (const { count, data: values } of data.batches(PREPROCESSING, 10)) {
    for (let n = 0; n < count; n++) {
      const image = values.subarray(n * 192, (n + 1) * 192);
      for (let k = 0; k < images.length; k++)
        images[k] = (images[k] ?? 0) + times * (image[Math.floor(k / 192)] ?? 0) * (image[k % 192] ?? 0);
      for (let k = 0; k < 192; k++)
        for (let d = 0; d < 3; d++) {
          const [y, x] = [Math.floor((k % 64) / 8), k % 8];
          const own = times * (image[k] ?? 0);
          neighbours.vertical[d] = (neighbours.vertical[d] ?? 0) + (y + d < 8 ? own * (image[k + 8 * d] ?? 0) : 0);
          neighbours.horizontal[d] = (neighbours.horizontal[d] ?? 0) + (x + d < 8 ? own * (image[k + d] ?? 0) : 0);
        }
      for (let p = 0; p < 64; p++)
        for (let k = 0; k < 9; k++)
          pixels[k] =
            (pixels[k] ?? 0) + times * (image[Math.floor(k / 3) * 64 + p] ?? 0) * (image[(k % 3) * 64 + p] ?? 0);
    }
  }
  return { pixels, images, neighbours };
}

describe('observeInputMoments()', () => {
  it.each([
    ['n', 1],
    [10, 1],
    [5, 1],
    [20, 2],
  ])('sums products of channels over images and pixels, batch %s', async (batch, times) => {
    const moments = await observeInputMoments(network(batch), meter, data, PREPROCESSING);
    const { pixels, images, neighbours } = await byHand(times);
    const [convolved, product] = [...moments.values()].sort((a, b) => a.channels.rows - b.channels.rows);
    expect([convolved?.channels.rows, product?.channels.rows]).toEqual([3, 192]);
    expectClose(convolved?.channels.data ?? [], [...pixels], 1e-4);
    expectClose(product?.channels.data ?? [], [...images], 1e-4);
    expect(product).not.toHaveProperty('vertical');
    for (const [axis, lags] of Object.entries(neighbours)) {
      const [own = 0, next = 0, second = 0] = lags;
      const expected = [own, next, second, next, own, next, second, next, own];
      expectClose(convolved?.[axis as 'vertical' | 'horizontal']?.data ?? [], expected, 1e-4);
    }
  });

  it.each([7, 9, 10])('looks into a model of operator set %s, whose words are older', async (opset) => {
    const model = network('n');
    const old = await observeInputMoments({ ...model, opsets: new Map([['', opset]]) }, meter, data, PREPROCESSING);
    expect(old).toEqual(await observeInputMoments(model, meter, data, PREPROCESSING));
  });

  it.each([9, 17])('knows of no neighbours where maps are smaller than windows, operator set %s', async (opset) => {
    const b = new GraphBuilder({ seed: 1 });
    const whole = b.globalAveragePool(b.input('x', 'float32', ['n', 3, 8, 8]));
    b.output('y', b.flatten(b.conv(whole, { out: 10, kernel: 3, padding: 2, dilation: 2 })));
    const model = { ...b.build(), opsets: new Map([['', opset]]) };
    const [seen] = [...(await observeInputMoments(model, meter, data, PREPROCESSING)).values()];
    const { rows = 0, data: products = [] } = seen?.channels ?? {};
    const own = [0, 1, 2].reduce((sum, i) => sum + (products[i * (rows + 1)] ?? 0), 0);
    expect(own).toBeGreaterThan(0);
    for (const axis of [seen?.vertical, seen?.horizontal]) {
      expect([...(axis?.data ?? [])]).toEqual([own, 0, 0, 0, own, 0, 0, 0, own]);
    }
  });

  it('takes fewer images at once where they are large', async () => {
    const b = new GraphBuilder({ seed: 1 });
    const maps = b.conv(b.input('x', 'float32', ['n', 3, 224, 224]), { out: 64, kernel: 3, padding: 1 });
    b.output('y', b.flatten(b.globalAveragePool(b.conv(maps, { out: 10, kernel: 3 }))));
    const asked: (number | undefined)[] = [];
    const noMeter: Pick<Meter, 'observe'> = {
      // biome-ignore lint/correctness/useYield: nothing is seen
      async *observe(_model, _values, _data, _preprocessing, { batch } = {}) {
        asked.push(batch);
        throw new SkeinError('cancelled', 'enough');
      },
    };
    const look = (model: Model, shape: readonly [number, number, number]) =>
      observeInputMoments(model, noMeter, data, { ...PREPROCESSING, shape });
    await expect(look(b.build(), [3, 224, 224])).rejects.toThrow('enough');
    await expect(look(network('n'), [3, 8, 8])).rejects.toThrow('enough');
    // 64 MiB of float32 at once: 5 inputs of 64×224×224.
    expect(asked).toEqual([5, 64]);
  });

  describe('with images that cannot be read', () => {
    const withHoles = (broken: readonly number[], count: number) =>
      new LoadedDataset(
        {
          classNames: ['a', 'b'],
          labels: Int32Array.from({ length: count }, (_, i) => i % 2),
          images: {
            kind: 'files',
            bytes: () => new Uint8Array(5),
            read: async (i) => {
              if (broken.includes(i)) throw new Error('gone');
              return PIXEL;
            },
            sizeBytes: async () => PIXEL.length,
          },
          name: (i) => `image ${i}`,
        },
        { source: 'x', split: undefined, splits: [], threads: 1 },
      );

    it('counts the others alone, though the model takes as many at once as a layer has channels', async () => {
      const b = new GraphBuilder({ seed: 1 });
      const x = b.input('x', 'float32', [10, 3, 8, 8]);
      b.output('y', b.linear(b.flatten(b.globalAveragePool(b.conv(x, { out: 10, kernel: 3 }))), { out: 2 }));
      const holes = withHoles([7], 100);
      const order = Uint32Array.from({ length: 10 }, (_, i) => i);
      const moments = await observeInputMoments(b.build(), meter, holes, PREPROCESSING, { order });
      await holes.close();
      const sizes = [...moments.values()].map(({ channels }) => channels.data.length);
      expect(sizes).toEqual([9, 100]);
      for (const { channels } of moments.values()) expect(channels.data.every(Number.isFinite)).toBe(true);
      // Black everywhere: -2 in each channel, at 64 places of 10 images.
      expect([...(moments.values().next().value?.channels.data ?? [])]).toEqual(Array(9).fill(4 * 64 * 10));
    });

    it('says so where there are no others', async () => {
      const holes = withHoles([7], 100);
      const looking = observeInputMoments(network('n'), meter, holes, PREPROCESSING, { order: [7] });
      await expect(looking).rejects.toMatchObject({
        code: 'invalid-argument',
        message: "Cannot look at 'x': none of its 1 images that were asked for can be read",
      });
      await holes.close();
    });
  });

  it('stops', async () => {
    const signal = AbortSignal.abort();
    await expect(observeInputMoments(network('n'), meter, data, PREPROCESSING, { signal })).rejects.toMatchObject({
      code: 'cancelled',
    });
  });
});
