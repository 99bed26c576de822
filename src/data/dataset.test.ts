import sharp from 'sharp';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Batch, LoadedDataset } from './dataset.ts';
import type { Preprocessing } from './preprocessing.ts';
import type { Examples } from './source.ts';

const pre: Preprocessing = { shape: [1, 8, 8], mean: [0], std: [1] };
const COUNT = 200;

/** JPEG i is of grey i: one block whose only coefficient, 8 (i - 128), quality 100 keeps exactly. */
let files: Uint8Array[];
let reads: number[];
let dataset: LoadedDataset;

beforeAll(async () => {
  files = await Promise.all(
    Array.from({ length: COUNT }, (_, i) =>
      sharp(Buffer.alloc(64, i), { raw: { width: 8, height: 8, channels: 1 } })
        .jpeg({ quality: 100 })
        .toBuffer(),
    ),
  );
});

afterEach(() => dataset.close());

function load(broken: readonly number[] = [], cacheBytes?: number): LoadedDataset {
  reads = [];
  const bytes = (i: number) => (broken.includes(i) ? new Uint8Array(5) : (files[i] as Uint8Array));
  const examples: Examples = {
    classNames: ['a', 'b'],
    labels: Int32Array.from({ length: COUNT }, (_, i) => i % 2),
    images: {
      kind: 'files',
      bytes,
      async read(i) {
        reads.push(i);
        return bytes(i);
      },
      sizeBytes: async (i) => bytes(i).length,
    },
    name: (i) => `image ${i}`,
  };
  dataset = new LoadedDataset(examples, {
    source: 'x',
    split: undefined,
    splits: [],
    threads: 1,
    ...(cacheBytes !== undefined && { cacheBytes }),
  });
  return dataset;
}

async function collect(batches: AsyncIterable<Batch>): Promise<Batch[]> {
  const found: Batch[] = [];
  for await (const batch of batches) found.push(batch);
  return found;
}

const greys = (batches: Batch[], size = 64) =>
  batches.flatMap(({ data, count }) =>
    Array.from({ length: count }, (_, row) => Math.round((data[row * size] as number) * 255)),
  );

describe('batches()', () => {
  it('gives every image once, in order, with its label, the last batch smaller', async () => {
    const batches = await collect(load().batches(pre, 64));
    expect(batches.map(({ count }) => count)).toEqual([64, 64, 64, 8]);
    expect(batches.map(({ first }) => first)).toEqual([0, 64, 128, 192]);
    expect(batches.map(({ data }) => data.length)).toEqual([4096, 4096, 4096, 512]);
    expect(greys(batches)).toEqual(Array.from({ length: COUNT }, (_, i) => i));
    expect(batches.flatMap(({ labels }) => [...labels])).toEqual([...dataset.labels]);
  });

  it('follows the order that it is given', async () => {
    const batches = await collect(load().batches(pre, 2, { order: [7, 3, 7, 199] }));
    expect(greys(batches)).toEqual([7, 3, 7, 199]);
    expect(batches.flatMap(({ indices }) => [...indices])).toEqual([7, 3, 7, 199]);
    await expect(collect(dataset.batches(pre, 2, { order: [200] }))).rejects.toMatchObject({ code: 'not-found' });
  });

  it('decodes each image once for each shape', async () => {
    load();
    await collect(dataset.batches(pre, 50));
    await collect(dataset.batches({ ...pre, mean: [0.5] }, 32));
    expect(reads).toHaveLength(COUNT);
    const smaller = await collect(dataset.batches({ ...pre, shape: [1, 4, 4] }, 10, { order: [9, 8, 7] }));
    expect(greys(smaller, 16)).toEqual([9, 8, 7]);
    expect(reads).toHaveLength(COUNT + 3);
  });

  it('keeps no more than it may', async () => {
    // Room for 50 images of 64 bytes.
    load([], 3200);
    await collect(dataset.batches(pre, 50));
    expect(greys(await collect(dataset.batches(pre, 50)))).toEqual(Array.from({ length: COUNT }, (_, i) => i));
    expect(reads).toHaveLength(COUNT + COUNT - 50);
  });

  it('prepares one batch ahead, and no more', async () => {
    for await (const { first } of load().batches(pre, 20)) {
      if (first === 0) {
        await new Promise((resume) => setTimeout(resume, 100));
        expect(reads).toHaveLength(40);
        break;
      }
    }
  });

  it('refuses a batch size that is none', async () => {
    await expect(collect(load().batches(pre, 0))).rejects.toThrow('Batch size: expected a whole number from 1');
  });
});

describe('unreadable images', () => {
  it('are left out and counted, up to 1 %', async () => {
    const batches = await collect(load([5, 70]).batches(pre, 64));
    expect(batches.map(({ count }) => count)).toEqual([63, 63, 64, 8]);
    expect(greys(batches)).toEqual(Array.from({ length: COUNT }, (_, i) => i).filter((i) => i !== 5 && i !== 70));
    expect(dataset.skipped).toBe(2);
    expect(dataset.skippedNames).toEqual(['image 5', 'image 70']);
    expect(greys(await collect(dataset.batches(pre, 10, { order: [4, 5, 6] })))).toEqual([4, 6]);
  });

  it('are refused beyond that, with their number and the first name', async () => {
    await expect(collect(load([5, 70, 71]).batches(pre, 64))).rejects.toMatchObject({
      code: 'corrupt',
      message: expect.stringMatching(
        /^Cannot use data 'x': expected at most 1 % unreadable images, found 3 of 200, the first 'image 5': Cannot decode image: .+$/,
      ),
    });
  });
});

it('images that are made on other threads are asked for by the batch, once, and their maker is closed', async () => {
  const asked: (readonly number[])[] = [];
  let closed = 0;
  dataset = new LoadedDataset(
    {
      classNames: ['a'],
      labels: new Int32Array(10),
      images: {
        kind: 'pixels',
        shape: [1, 8, 8],
        pixels: () => expect.unreachable(),
        async make(indices) {
          asked.push(indices);
          return indices.map((i) => new Uint8Array(64).fill(i));
        },
      },
      name: (i) => `image ${i}`,
      close: async () => void closed++,
    },
    { source: 'x', split: undefined, splits: [] },
  );
  for (let round = 0; round < 2; round++) {
    expect(greys(await collect(dataset.batches(pre, 4)))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  }
  expect(asked).toEqual([
    [0, 1, 2, 3],
    [4, 5, 6, 7],
    [8, 9],
  ]);
  expect([...(await dataset.pixels([3, 3, 9], [1, 4, 4])).entries()]).toEqual([
    [3, new Uint8Array(16).fill(3)],
    [9, new Uint8Array(16).fill(9)],
  ]);
  await expect(dataset.pixels([10], [1, 8, 8])).rejects.toMatchObject({ code: 'not-found' });
  await dataset.close();
  expect(closed).toBe(1);
});
