import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { DecodePool } from './decode-pool.ts';
import type { ImageShape, Preprocessing } from './preprocessing.ts';

const shape: ImageShape = [3, 8, 8];
const pre: Preprocessing = { shape, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };
const SIZE = 3 * 8 * 8;

/** A PNG of one grey. */
function plain(grey: number): Promise<Buffer> {
  return sharp({ create: { width: 8, height: 8, channels: 3, background: { r: grey, g: grey, b: grey } } })
    .png()
    .toBuffer();
}

describe('DecodePool', () => {
  const pool = new DecodePool({ threads: 2 });
  afterAll(() => pool.close());

  it('keeps the order of images that several threads decode', async () => {
    const greys = Array.from({ length: 50 }, (_, i) => i * 5);
    const { data, errors } = await pool.decodePixels(await Promise.all(greys.map(plain)), shape);
    expect(errors).toEqual(new Array(50).fill(undefined));
    expect(greys.map((_, i) => data[i * SIZE + 17])).toEqual(greys);
  });

  it('normalises', async () => {
    const { data } = await pool.decode([await plain(0), await plain(255)], pre);
    expect(data).toEqual(Float32Array.from({ length: 2 * SIZE }, (_, i) => (i < SIZE ? -1 : 1)));
  });

  it('fails a bad image alone', async () => {
    const good = await plain(255);
    const { data, errors } = await pool.decode([good, Buffer.from('nonsense'), good], pre);
    expect(errors).toEqual([undefined, expect.stringMatching(/^Cannot decode image: /), undefined]);
    expect([data[0], data[SIZE], data[2 * SIZE]]).toEqual([1, 0, 1]);
  });

  it("leaves the caller's buffers whole, slices of a larger one included", async () => {
    const file = new Uint8Array(await plain(51));
    const larger = new Uint8Array(file.length + 100).fill(1);
    larger.set(file, 50);
    const { data } = await pool.decodePixels([file, larger.subarray(50, 50 + file.length)], shape);
    expect([data[0], data[SIZE]]).toEqual([51, 51]);
    expect([file.length, larger.length]).toEqual([file.byteLength, file.byteLength + 100]);
    expect(file.byteLength).toBeGreaterThan(0);
  });

  it('answers no images with no numbers, and refuses a shape that is none', async () => {
    expect(await pool.decode([], pre)).toEqual({ data: new Float32Array(0), errors: [] });
    await expect(pool.decodePixels([], [4, 8, 8])).rejects.toMatchObject({ code: 'invalid-argument' });
  });
});

it('close() fails what is under way instead of leaving it', async () => {
  const pool = new DecodePool({ threads: 1 });
  const outcome = expect(pool.decode([await plain(1)], pre)).rejects.toMatchObject({ code: 'unavailable' });
  await pool.close();
  await outcome;
});
