import { afterAll, describe, expect, it } from 'vitest';
import { AugmentPool } from './augment/augment-pool.ts';
import type { Augmentation } from './augment/augmentation.ts';
import { LoadedDataset } from './dataset.ts';
import type { Preprocessing } from './preprocessing.ts';
import { balancedSampler } from './samplers.ts';
import type { Examples } from './source.ts';
import { batchCount, type TrainingBatch, type TrainingOptions, trainingBatches } from './training-batches.ts';

const SIZE = 3 * 6 * 8;
const COUNT = 50;
const pre: Preprocessing = { shape: [3, 6, 8], mean: [0, 0.5, 0.5], std: [1, 0.5, 0.25] };
const augmentation: Augmentation = {
  crop: 2,
  flip: true,
  autoAugment: true,
  jitter: { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 },
  cutout: 3,
};

function load(broken: readonly number[] = [], count = COUNT): LoadedDataset {
  const examples: Examples = {
    classNames: ['a', 'b', 'c'],
    labels: Int32Array.from({ length: count }, (_, i) => (i < 40 ? i % 2 : 2)),
    images:
      broken.length === 0
        ? {
            kind: 'pixels',
            shape: pre.shape,
            pixels: (i) => Uint8Array.from({ length: SIZE }, (_, at) => (at * at * 3 + at * i + 7 * i) % 256),
          }
        : {
            kind: 'files',
            bytes: () => new Uint8Array(5),
            read: async (i) => {
              if (broken.includes(i)) throw new Error('gone');
              return PNG;
            },
            sizeBytes: async () => PNG.length,
          },
    name: (i) => `image ${i}`,
  };
  return new LoadedDataset(examples, { source: 'x', split: undefined, splits: [], threads: 1 });
}

/** A PNG of one black pixel. */
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==',
  'base64',
);

interface Row {
  readonly index: number;
  readonly label: number;
  readonly data: number[];
}

/** Copies, since the numbers are overwritten. */
function rowsOf({ data, labels, indices }: TrainingBatch): Row[] {
  return Array.from(indices, (index, row) => ({
    index,
    label: labels[row] as number,
    data: [...data.subarray(row * SIZE, (row + 1) * SIZE)],
  }));
}

const pool = new AugmentPool({ threads: 2 });
afterAll(() => pool.close());

async function collect(options: Partial<TrainingOptions>, dataset = load()): Promise<Row[][]> {
  const found: Row[][] = [];
  for await (const batch of trainingBatches(dataset, pre, { batch: 16, epoch: 0, seed: 4, pool, ...options })) {
    found.push(rowsOf(batch));
  }
  return found;
}

const byIndex = (rows: Row[]) => [...rows].sort((a, b) => a.index - b.index);

describe('trainingBatches()', () => {
  it('gives every image once, normalised, with its label in both types, the last batch smaller', async () => {
    const dataset = load();
    const seen: number[] = [];
    for await (const batch of trainingBatches(dataset, pre, { batch: 16, epoch: 0, pool })) {
      expect(batch.data).toHaveLength(batch.count * SIZE);
      expect([...batch.labels64].map(Number)).toEqual([...batch.labels]);
      expect([...batch.labels]).toEqual([...batch.indices].map((i) => dataset.label(i)));
      for (const { index, data } of rowsOf(batch)) {
        const [plain] = await collect({ sampler: { size: 1, order: () => Uint32Array.of(index) } });
        expect(data).toEqual(plain?.[0]?.data);
        seen.push(index);
      }
    }
    expect([...seen].sort((a, b) => a - b)).toEqual(Array.from({ length: COUNT }, (_, i) => i));
    const evaluated = (
      await dataset
        .batches(pre, 1, { order: [3] })
        [Symbol.asyncIterator]()
        .next()
    ).value;
    const [trained] = await collect({ sampler: { size: 1, order: () => Uint32Array.of(3) } });
    expect(trained?.[0]?.data).toEqual([...evaluated.data]);
  });

  it('varies an image by seed, epoch and index: whatever the threads, the batch size and the order', async () => {
    const reference = byIndex((await collect({ augmentation })).flat());
    expect(byIndex((await collect({ augmentation, batch: 7 })).flat())).toEqual(reference);
    const alone: Row[] = [];
    const options = { batch: 5, epoch: 0, seed: 4, augmentation };
    for await (const batch of trainingBatches(load(), pre, { ...options, threads: 1, ahead: 0 })) {
      alone.push(...rowsOf(batch));
    }
    expect(byIndex(alone)).toEqual(reference);
    const backwards = { size: COUNT, order: () => Uint32Array.from({ length: COUNT }, (_, i) => COUNT - 1 - i) };
    expect(byIndex((await collect({ augmentation, sampler: backwards })).flat())).toEqual(reference);

    const differs = (rows: Row[]) => rows.filter(({ data }, i) => `${data}` !== `${reference[i]?.data}`).length;
    expect(differs(byIndex((await collect({ augmentation, epoch: 1 })).flat()))).toBeGreaterThan(COUNT * 0.9);
    expect(differs(byIndex((await collect({ augmentation, seed: 5 })).flat()))).toBeGreaterThan(COUNT * 0.9);
  });

  it('goes on at (epoch, batch) as an unbroken run, with a sampler that repeats images as well', async () => {
    const dataset = load();
    const sampler = balancedSampler(dataset.labels, 8, 90);
    for (const epoch of [0, 3]) {
      const whole = await collect({ augmentation, sampler, epoch });
      expect(whole).toHaveLength(6);
      expect(await collect({ augmentation, sampler, epoch, from: 4 })).toEqual(whole.slice(4));
    }
    expect(await collect({ from: 4 })).toEqual([]);
  });

  it('varies an image that comes again in an epoch anew', async () => {
    const thrice = { size: 3, order: () => Uint32Array.of(9, 9, 9) };
    const rows = (await collect({ augmentation, sampler: thrice })).flat();
    expect(new Set(rows.map(({ data }) => String(data))).size).toBe(3);
  });

  it('says which images are mirrored, where nothing else is done to them', async () => {
    const plain = new Map((await collect({})).flat().map(({ index, data }) => [index, data]));
    const seen = [0, 0];
    for await (const batch of trainingBatches(load(), pre, {
      batch: 16,
      epoch: 2,
      pool,
      augmentation: { flip: true },
    })) {
      for (const [row, { index, data }] of rowsOf(batch).entries()) {
        const variant = batch.variants?.[row] ?? -1;
        const [, , width] = pre.shape;
        const mirrored = (_: number, i: number, all: number[]) => all[i - (i % width) + width - 1 - (i % width)];
        expect(data).toEqual(variant === 1 ? plain.get(index)?.map(mirrored) : plain.get(index));
        seen[variant] = (seen[variant] ?? 0) + 1;
      }
    }
    expect(Math.min(...seen)).toBeGreaterThan(COUNT / 5);
    for await (const { variants } of trainingBatches(load(), pre, { batch: 50, epoch: 0, pool, augmentation })) {
      expect(variants).toBeUndefined();
    }
  });

  it('leaves a smaller last batch out where it is told to', async () => {
    const sizes = async (options: Partial<TrainingOptions>) => (await collect(options)).map((rows) => rows.length);
    expect(await sizes({})).toEqual([16, 16, 16, 2]);
    expect(await sizes({ dropLast: true })).toEqual([16, 16, 16]);
    expect(await sizes({ dropLast: true, batch: 25 })).toEqual([25, 25]);
    expect(await sizes({ dropLast: true, batch: 51 })).toEqual([]);
    expect([batchCount(50, { batch: 16 }), batchCount(50, { batch: 16, dropLast: true })]).toEqual([4, 3]);
  });

  it('gives every buffer back for the next batches, and bears that one is transferred away', async () => {
    const given: number[] = [];
    class Watched extends AugmentPool {
      override recycle(buffer: ArrayBuffer): void {
        given.push(buffer.byteLength);
        super.recycle(buffer);
      }
    }
    const watched = new Watched({ threads: 1 });
    try {
      for await (const _ of trainingBatches(load(), pre, { batch: 10, epoch: 0, pool: watched }));
      // Pixels and numbers of five batches, in sizes that are powers of two.
      expect(given.sort((a, b) => a - b)).toEqual([...Array(5).fill(4096), ...Array(5).fill(8192)]);
      given.length = 0;
      let rows = 0;
      for await (const { data, count } of trainingBatches(load(), pre, { batch: 10, epoch: 0, pool: watched })) {
        structuredClone(data, { transfer: [data.buffer] });
        rows += count;
      }
      expect(rows).toBe(COUNT);
      expect(given.filter((bytes) => bytes === 0)).toHaveLength(5);
    } finally {
      await watched.close();
    }
  });

  it('can be left early', async () => {
    for await (const { number } of trainingBatches(load(), pre, { batch: 2, epoch: 0, threads: 1 })) {
      if (number === 1) break;
    }
    for await (const _ of trainingBatches(load(), pre, { batch: 2, epoch: 0, pool })) break;
    expect(await collect({})).toHaveLength(4);
  });

  it('leaves unreadable images out of their batch, and refuses more than 1 %', async () => {
    const inOrder = { size: 200, order: () => Uint32Array.from({ length: 200 }, (_, i) => i) };
    const dataset = load([5, 70], 200);
    const batches = await collect({ batch: 64, sampler: inOrder }, dataset);
    expect(batches.map((rows) => rows.length)).toEqual([63, 63, 64, 8]);
    expect(dataset).toMatchObject({ skipped: 2, skippedNames: ['image 5', 'image 70'] });
    expect(await collect({ batch: 64, sampler: inOrder, from: 1 }, dataset)).toEqual(batches.slice(1));
    await dataset.close();
    const worse = load([5, 70, 71], 200);
    await expect(collect({ batch: 64, sampler: inOrder }, worse)).rejects.toMatchObject({
      code: 'corrupt',
      message: expect.stringContaining("found 3 of 200, the first 'image 5': gone"),
    });
    await worse.close();
  });

  it.each<[Partial<TrainingOptions>, string]>([
    [{ batch: 0 }, 'for batch a whole number from 1, received 0'],
    [{ epoch: -1 }, 'for epoch a whole number from 0, received -1'],
    [{ from: 0.5 }, 'for from a whole number from 0, received 0.5'],
    [{ augmentation: { crop: -1 } }, 'for crop a whole number of pixels from 0 to'],
    [{ sampler: { size: 1, order: () => Uint32Array.of(COUNT) } }, "Data 'x': expected an image below 50, received 50"],
  ])('refuses %j', async (options, message) => {
    await expect(collect(options)).rejects.toThrow(message);
  });
});
