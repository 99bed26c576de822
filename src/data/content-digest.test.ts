import { mkdir, mkdtemp, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openData } from './open-data.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-digest-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function digest(source: string, options = {}): Promise<string> {
  const data = await openData(source, options);
  try {
    return await data.digest();
  } finally {
    await data.close();
  }
}

/** Files that are no images: nothing here decodes. */
async function files(name: string, count: number, byteOf: (i: number) => number): Promise<string> {
  for (const label of ['a', 'b']) {
    await mkdir(join(folder, name, label), { recursive: true });
    for (let i = 0; i < count / 2; i++) {
      const path = join(folder, name, label, `${String(i).padStart(5, '0')}.png`);
      await writeFile(path, Buffer.alloc(20, byteOf(i)));
    }
  }
  return join(folder, name);
}

describe('Dataset.digest()', () => {
  it('is the same for the same bytes elsewhere, at another time', async () => {
    const [one, two] = [await files('one', 10, (i) => i), await files('two', 10, (i) => i)];
    await utimes(join(two, 'a', '00001.png'), 1, 1);
    expect(await digest(two)).toBe(await digest(one));
    expect(await digest(one, { limit: 4 })).not.toBe(await digest(one));
  });

  it('sees a byte, of any of so few', async () => {
    const at = await files('bytes', 10, (i) => i);
    const seen = new Set([await digest(at)]);
    for (const label of ['a', 'b']) {
      for (let i = 0; i < 5; i++) {
        await writeFile(join(at, label, `0000${i}.png`), Buffer.alloc(20, 99));
        seen.add(await digest(at));
      }
    }
    expect(seen.size).toBe(11);
  });

  it('sees the size of each file of more than it reads', async () => {
    const at = await files('many', 2500, () => 7);
    const seen = new Set([await digest(at)]);
    for (const i of [1, 2, 3, 1249]) {
      await writeFile(join(at, 'b', `${String(i).padStart(5, '0')}.png`), Buffer.alloc(21, 7));
      seen.add(await digest(at));
    }
    expect(seen.size).toBe(5);
  });

  it('sees that an image is of another class now, though all bytes are as they were', async () => {
    const at = await files('relabelled', 10, () => 7);
    const before = await digest(at);
    await rename(join(at, 'a', '00004.png'), join(at, 'b', '00009.png'));
    expect(await digest(at)).not.toBe(before);
  });

  it('sees other images, other pixels', async () => {
    const seen = [
      await digest('shapes', { limit: 50, split: 'train' }),
      await digest('shapes', { limit: 50, split: 'train', seed: 1 }),
      await digest('shapes', { limit: 50, split: 'val' }),
      await digest('shapes:noise=0.5', { limit: 50, split: 'train' }),
    ];
    expect(new Set(seen).size).toBe(4);
    expect(await digest('shapes', { limit: 50, split: 'train' })).toBe(seen[0]);
  });
});
