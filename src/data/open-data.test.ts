import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { pack } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sharedDir } from '../../test/shared.ts';
import type { Dataset } from './dataset.ts';
import { type OpenOptions, openData } from './open-data.ts';

let folder: string;
const opened: Dataset[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-data-'));
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((dataset) => dataset.close()));
  await rm(folder, { recursive: true });
});

async function open(source: string, options?: OpenOptions): Promise<Dataset> {
  const dataset = await openData(source, { threads: 1, ...options });
  opened.push(dataset);
  return dataset;
}

async function write(path: string, content: Uint8Array | string): Promise<string> {
  const file = join(folder, path);
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(file, content);
  return file;
}

/** A JPEG of one grey: a block whose only coefficient, 8 (value - 128), quality 100 keeps exactly. */
const grey = (value: number) =>
  sharp(Buffer.alloc(64, value), { raw: { width: 8, height: 8, channels: 1 } })
    .jpeg({ quality: 100 })
    .toBuffer();

async function writeTar(entries: Record<string, Uint8Array | undefined>, gzip = false): Promise<string> {
  const archive = pack();
  for (const [name, bytes] of Object.entries(entries)) {
    if (bytes === undefined) archive.entry({ name, type: 'directory' });
    else archive.entry({ name }, Buffer.from(bytes));
  }
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  const tar = Buffer.concat(chunks);
  return write(gzip ? 'data.tar.gz' : 'data.tar', gzip ? gzipSync(tar) : tar);
}

/** The first number of every image, as a byte again, with its label. */
async function contents(dataset: Dataset, side = 8): Promise<[byte: number, label: number][]> {
  const found: [number, number][] = [];
  for await (const batch of dataset.batches({ shape: [1, side, side], mean: [0], std: [1] }, 3)) {
    for (const [row, label] of batch.labels.entries()) {
      found.push([Math.round((batch.data[row * side * side] as number) * 255), label]);
    }
  }
  return found;
}

describe('a folder', () => {
  it('of classes: labels are alphabetical, hidden files and others do not count', async () => {
    await write('dog/b.JPG', await grey(3));
    await write('dog/a.jpeg', await grey(2));
    await write('cat/1.jpg', await grey(1));
    await write('cat/._1.jpg', 'macOS');
    await write('cat/notes.txt', 'text');
    await write('.cache/x/1.jpg', await grey(9));
    const dataset = await open(folder);
    expect(dataset).toMatchObject({ classNames: ['cat', 'dog'], size: 3, splits: [], split: undefined, skipped: 0 });
    expect(await contents(dataset)).toEqual([
      [1, 0],
      [2, 1],
      [3, 1],
    ]);
    expect(dataset.label(2)).toBe(1);
    expect(dataset.name(2)).toBe('dog/b.JPG');
    expect(Buffer.from(dataset.encoded(2) as Uint8Array)).toEqual(await grey(3));
  });

  it('of splits: a class that one split lacks moves no label', async () => {
    await write('train/ant/1.jpg', await grey(1));
    await write('train/bee/1.jpg', await grey(2));
    await write('val/bee/1.jpg', await grey(3));
    expect(await contents(await open(folder, { split: 'val' }))).toEqual([[3, 1]]);
    expect(await open(folder, { preferredSplits: ['test', 'train'] })).toMatchObject({ split: 'train', size: 2 });
    await expect(open(folder)).rejects.toThrow(/name one of its splits 'train', 'val'$/);
    await expect(open(folder, { split: 'test' })).rejects.toMatchObject({ code: 'not-found' });
  });

  it('of links', async () => {
    const elsewhere = await write('store/x/1.jpg', await grey(5));
    await mkdir(join(folder, 'set', 'ant'), { recursive: true });
    await symlink(elsewhere, join(folder, 'set', 'ant', '1.jpg'));
    await symlink(join(folder, 'gone'), join(folder, 'set', 'ant', '2.jpg'));
    await symlink(join(folder, 'store', 'x'), join(folder, 'set', 'bee'));
    expect(await contents(await open(join(folder, 'set')))).toEqual([
      [5, 0],
      [5, 1],
    ]);
  });

  it('that holds archives only is refused with the one that suits what the images are for', async () => {
    for (const name of ['a-test', 'cats-train', 'val']) await write(`tars/${name}.tar`, Buffer.from('x'));
    const advice = (...preferredSplits: string[]) => openData(join(folder, 'tars'), { preferredSplits });
    await expect(advice('train')).rejects.toThrow("/tars/cats-train.tar'");
    await expect(advice('test', 'val')).rejects.toThrow("/tars/a-test.tar'");
    await expect(advice('holdout', 'val')).rejects.toThrow("/tars/val.tar'");
    await expect(advice()).rejects.toThrow("/tars/a-test.tar'");
  });

  it('that is laid out otherwise is refused in one line', async () => {
    await expect(open(folder)).rejects.toThrow(/expected images as class\/image or split\/class\/image, found none$/);
    const tar = await writeTar({ 'a/1.jpg': await grey(1) });
    await expect(open(folder)).rejects.toThrow(`name the archive itself, '${tar}'`);
    await write('a/1.jpg', await grey(1));
    await mkdir(join(folder, 'b'));
    await expect(open(folder)).rejects.toThrow(/found none in 'b': add some or remove it$/);
    await write('a/b/c/1.jpg', await grey(1));
    await expect(open(folder)).rejects.toThrow(/all alike, received '.+' and '.+'$/);
    await expect(open(join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('an archive', () => {
  it.each([
    ['.tar', false],
    ['.tar.gz', true],
  ])('%s keeps its order, with ./ and long names', async (_, gzip) => {
    const long = `${'x'.repeat(180)}.jpg`;
    const tar = await writeTar(
      {
        './val/': undefined,
        './val/dog/': undefined,
        [`./val/dog/${long}`]: await grey(2),
        './val/cat/1.jpg': await grey(1),
        './val/cat/._1.jpg': Buffer.from('macOS'),
        'val/dog/\u00e9.jpg': await grey(3),
      },
      gzip,
    );
    const dataset = await open(tar);
    expect(dataset).toMatchObject({ split: 'val', splits: ['val'], classNames: ['cat', 'dog'] });
    expect(await contents(dataset)).toEqual([
      [2, 1],
      [1, 0],
      [3, 1],
    ]);
    expect(dataset.name(0)).toBe(`val/dog/${long}`);
    expect(Buffer.from(dataset.encoded(1) as Uint8Array)).toEqual(await grey(1));
  });

  it('may have a folder around everything', async () => {
    const tar = await writeTar({ 'set/v1/train/a/1.jpg': await grey(1), 'set/v1/test/a/1.jpg': await grey(2) });
    expect(await contents(await open(tar, { split: 'test' }))).toEqual([[2, 0]]);
  });

  it('that is cut off, empty or something else is refused', async () => {
    const image = await sharp({ create: { width: 60, height: 60, channels: 3, background: 'red' } })
      .raw()
      .toBuffer();
    const entries = { 'a/1.jpg': image, 'a/2.jpg': image };
    const entryBytes = 512 + Math.ceil(image.length / 512) * 512;
    for (const [length, gzip] of [
      [entryBytes + 5000, false],
      [entryBytes, false],
      [60, true],
    ] as const) {
      const tar = await writeTar(entries, gzip);
      await truncate(tar, length);
      await expect(open(tar)).rejects.toMatchObject({ code: 'corrupt', message: expect.not.stringContaining('\n') });
    }
    await expect(open(await write('photo.jpg', await grey(1)))).rejects.toMatchObject({ code: 'corrupt' });
    await expect(open(await writeTar({ 'a/': undefined }))).rejects.toThrow(/found none$/);
  });
});

describe('binary files', () => {
  /** A record whose three planes are 10 × label + 1, 2 and 3. */
  const record = (...labels: number[]) => {
    const planes = [1, 2, 3].map((plane) => Buffer.alloc(1024, 10 * (labels.at(-1) as number) + plane));
    return Buffer.concat([Buffer.from(labels), ...planes]);
  };
  const firstNumbers = async (dataset: Dataset) => {
    const pre = { shape: [3, 32, 32], mean: [0, 0, 0], std: [1, 1, 1] } as const;
    for await (const { data, count } of dataset.batches(pre, 10)) {
      return Array.from({ length: count * 3 }, (_, i) => Math.round((data[i * 1024] as number) * 255));
    }
    return [];
  };

  it('of CIFAR-10', async () => {
    await write('data_batch_2.bin', record(2));
    await write('data_batch_1.bin', Buffer.concat([record(9), record(0)]));
    await write('test_batch.bin', record(1));
    const dataset = await open(folder, { split: 'train' });
    expect([...dataset.labels]).toEqual([9, 0, 2]);
    expect(await firstNumbers(dataset)).toEqual([91, 92, 93, 1, 2, 3, 21, 22, 23]);
    expect(dataset.classNames).toHaveLength(10);
    expect(dataset.classNames[6]).toBe('frog');
    expect(dataset.encoded(0)).toBeUndefined();
    await write('batches.meta.txt', 'a\nb\n\n');
    await expect(open(folder, { split: 'train' })).rejects.toThrow(/expected labels below 2, received 9 in record 0/);
    await write('test_batch.bin', Buffer.alloc(3072));
    await expect(open(folder, { split: 'test' })).rejects.toMatchObject({ code: 'corrupt' });
  });

  it('of CIFAR-100: the fine label counts', async () => {
    await write('test.bin', Buffer.concat([record(7, 1), record(3, 0)]));
    await write('fine_label_names.txt', 'apple\nbear\n');
    const dataset = await open(folder);
    expect(dataset).toMatchObject({ split: 'test', classNames: ['apple', 'bear'] });
    expect([...dataset.labels]).toEqual([1, 0]);
    expect(await firstNumbers(dataset)).toEqual([11, 12, 13, 1, 2, 3]);
  });

  it('of IDX, gzipped or not, with t10k as test', async () => {
    const images = Buffer.from([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, 10, 1, 1, 1, 20, 1, 1, 1]);
    const labels = Buffer.from([0, 0, 8, 1, 0, 0, 0, 2, 7, 3]);
    await write('train-images-idx3-ubyte', images);
    await write('train-labels-idx1-ubyte', labels);
    await write('t10k-images-idx3-ubyte.gz', gzipSync(images));
    await write('t10k-labels-idx1-ubyte.gz', gzipSync(labels));
    for (const split of ['train', 'test']) {
      const dataset = await open(folder, { split });
      expect(dataset.classNames).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
      expect(await contents(dataset, 2)).toEqual([
        [10, 7],
        [20, 3],
      ]);
    }
    await write('train-images-idx3-ubyte', images.subarray(0, 20));
    await expect(open(folder, { split: 'train' })).rejects.toThrow(/expected 8 bytes for \[2,2,2\], received 4/);
    await write('train-images-idx3-ubyte', Buffer.from([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0]));
    await expect(open(folder, { split: 'train' })).rejects.toMatchObject({
      code: 'corrupt',
      message: expect.stringMatching(/^Cannot read data '.*': expected dimensions from 1, received \[2,0,0\]$/),
    });
    await write('train-labels-idx1-ubyte', images);
    await expect(open(folder, { split: 'train' })).rejects.toMatchObject({ code: 'corrupt' });
  });
});

describe('options', () => {
  it('limit takes a fair sample that the seed decides', async () => {
    await Promise.all(Array.from({ length: 20 }, async (_, i) => write(`${i % 2}/${i}.jpg`, await grey(i))));
    const sample = await contents(await open(folder, { limit: 10, seed: 1 }));
    expect(sample.filter(([, label]) => label === 0)).toHaveLength(5);
    for (const [byte, label] of sample) expect(byte % 2).toBe(label);
    expect(await contents(await open(folder, { limit: 10, seed: 1 }))).toEqual(sample);
    expect(await contents(await open(folder, { limit: 10, seed: 2 }))).not.toEqual(sample);
    expect((await open(folder, { limit: 100 })).size).toBe(20);
  });

  it('that make no sense are refused', async () => {
    await expect(open('shapes', { limit: 0 })).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(open('shapes', { seed: 0.5 })).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(open('shapes', { split: 'all' })).rejects.toThrow(/one of the splits 'test', 'train', 'val'/);
  });
});

it('shapes with options are drawn so, and what they do not take is refused', async () => {
  const dataset = await open('shapes:classes=100,newclass=0.5', { split: 'val', limit: 30 });
  expect(dataset).toMatchObject({ source: 'shapes:classes=100,newclass=0.5', size: 30, skipped: 0 });
  expect(dataset.classNames).toHaveLength(101);
  const found = await contents(dataset, 32);
  expect(found.map(([, label]) => label)).toEqual([...dataset.labels]);
  await expect(open('shapes:lihgt=1')).rejects.toMatchObject({
    code: 'invalid-argument',
    message: expect.stringContaining("(did you mean 'light'?), received 'lihgt=1'"),
  });
});

describe.skipIf(sharedDir === undefined)('CIFAR-10 as JPEGs (needs ../shared)', () => {
  it('has 2,000 images in val, all readable, with the mean colour of CIFAR-10', async () => {
    const dataset = await open(join(sharedDir as string, 'data/cifar10-jpeg/val.tar'), { threads: 2 });
    expect(dataset).toMatchObject({ size: 2000, split: 'val' });
    const mean = [0, 0, 0];
    // Krizhevsky's images average (0.4914, 0.4822, 0.4465) and an image's own mean has a deviation near 0.12,
    // so five standard errors of 2,000 of them are 0.015.
    const pre = { shape: [3, 32, 32], mean: [0.4914, 0.4822, 0.4465], std: [1, 1, 1] } as const;
    for await (const { data, count } of dataset.batches(pre, 100)) {
      for (let plane = 0; plane < count * 3; plane++) {
        const sum = data.subarray(plane * 1024, (plane + 1) * 1024).reduce((total, x) => total + x, 0);
        mean[plane % 3] = (mean[plane % 3] as number) + sum / (2000 * 1024);
      }
    }
    for (const offset of mean) expect(Math.abs(offset)).toBeLessThan(0.015);
    expect(dataset.skipped).toBe(0);
  });
});
