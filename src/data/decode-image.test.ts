import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../base/index.ts';
import { decodeImage, decodeInto, resizePixels } from './decode-image.ts';
import { plainJpegHeader } from './jpeg-header.ts';

const SIDE = 32;

/** Smooth colours with an edge: what a JPEG keeps recognisable. */
function picture(width = SIDE, height = SIDE): Buffer {
  const rgb = Buffer.alloc(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      rgb.set([(x * 255) / width, (y * 255) / height, x > width / 2 ? 200 : 40], (y * width + x) * 3);
    }
  }
  return rgb;
}

const asSharp = (rgb: Buffer, width = SIDE, height = SIDE) => sharp(rgb, { raw: { width, height, channels: 3 } });

let jpeg: Buffer;
let png: Buffer;

beforeAll(async () => {
  jpeg = await asSharp(picture()).jpeg({ quality: 85 }).toBuffer();
  png = await asSharp(picture()).png().toBuffer();
});

describe('decodeImage()', () => {
  it('returns the pixels that a lossless file was made of', async () => {
    for (const file of [png, await asSharp(picture()).webp({ lossless: true }).toBuffer()]) {
      const image = await decodeImage(file);
      expect([image.width, image.height]).toEqual([SIDE, SIDE]);
      expect(Buffer.from(image.data)).toEqual(picture());
    }
  });

  it.each([
    ['baseline', {}],
    ['progressive', { progressive: true }],
    ['without chroma subsampling', { chromaSubsampling: '4:4:4' }],
  ])('reads a small %s JPEG to the same bytes as sharp', async (_, options) => {
    const file = await asSharp(picture()).jpeg(options).toBuffer();
    expect(plainJpegHeader(file)).toMatchObject({ width: SIDE, height: SIDE });
    expect(Buffer.from((await decodeImage(file)).data)).toEqual(await sharp(file).raw().toBuffer());
  });

  it('reads a grey JPEG as RGB of equal channels', async () => {
    const file = await asSharp(picture()).greyscale().jpeg().toBuffer();
    const { data } = await decodeImage(file);
    const grey = await sharp(file).toColourspace('b-w').raw().toBuffer();
    expect(Buffer.from(data)).toEqual(Buffer.from([...grey].flatMap((value) => [value, value, value])));
  });

  it('turns an image as its EXIF says', async () => {
    // Orientation 6: the stored rows are columns from the right.
    const file = await asSharp(picture(32, 16), 32, 16).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    expect(plainJpegHeader(file)).toBeUndefined();
    expect(await decodeImage(file)).toMatchObject({ width: 16, height: 32 });
  });

  it('leaves what is no plain JPEG to sharp', async () => {
    const cmyk = await asSharp(picture()).toColourspace('cmyk').jpeg().toBuffer();
    expect(plainJpegHeader(cmyk)).toBeUndefined();
    expect(await decodeImage(cmyk)).toMatchObject({ width: SIDE, height: SIDE });
  });

  it('drops transparency and keeps the colour below', async () => {
    const file = await sharp({
      create: { width: 4, height: 4, channels: 4, background: { r: 10, g: 20, b: 30, alpha: 0.5 } },
    })
      .png()
      .toBuffer();
    expect([...(await decodeImage(file)).data.subarray(0, 3)]).toEqual([10, 20, 30]);
  });

  it('keeps no ImageData on the global object', async () => {
    await decodeImage(jpeg);
    expect('ImageData' in globalThis).toBe(false);
  });
});

describe('decodeInto()', () => {
  it('writes planes at the offset', async () => {
    const target = new Uint8Array(3 * SIDE * SIDE + 2);
    await decodeInto(png, [3, SIDE, SIDE], target, 1);
    const rgb = picture();
    const plane = SIDE * SIDE;
    for (const i of [0, 1, 517, plane - 1]) {
      expect([target[1 + i], target[1 + plane + i], target[1 + 2 * plane + i]]).toEqual([
        ...rgb.subarray(3 * i, 3 * i + 3),
      ]);
    }
    expect([target[0], target[target.length - 1]]).toEqual([0, 0]);
  });

  it('makes grey as Rec. 601 has it', async () => {
    // Pillow: Image.new('RGB', (1, 1), c).convert('L') of these colours.
    const colours: [number[], number][] = [
      [[255, 0, 0], 76],
      [[0, 255, 0], 150],
      [[0, 0, 255], 29],
      [[200, 100, 50], 124],
    ];
    for (const [colour, grey] of colours) {
      const file = await sharp(Buffer.from(colour), { raw: { width: 1, height: 1, channels: 3 } })
        .png()
        .toBuffer();
      const target = new Uint8Array(1);
      await decodeInto(file, [1, 1, 1], target);
      expect(target[0]).toBe(grey);
    }
  });

  it('covers the wanted size and crops around the centre', async () => {
    // Three squares side by side, red, green and blue: only the middle one is left.
    const stripes = Buffer.alloc(48 * 16 * 3);
    for (let i = 0; i < 48 * 16; i++) stripes[i * 3 + Math.floor((i % 48) / 16)] = 255;
    const file = await asSharp(stripes, 48, 16).png().toBuffer();
    const target = new Uint8Array(3 * 16 * 16);
    await decodeInto(file, [3, 16, 16], target);
    expect([...target.subarray(0, 256)]).toEqual(new Array(256).fill(0));
    expect([...target.subarray(256, 512)]).toEqual(new Array(256).fill(255));
  });

  it('scales a small JPEG and a large one alike', async () => {
    for (const side of [64, 640]) {
      const file = await asSharp(picture(side, side), side, side).jpeg({ quality: 95 }).toBuffer();
      const target = new Uint8Array(3 * SIDE * SIDE);
      await decodeInto(file, [3, SIDE, SIDE], target);
      const rgb = picture();
      // Away from the edge in the middle the picture is a slow ramp, the same at every size.
      for (const i of [5 * SIDE + 5, 20 * SIDE + 8, 28 * SIDE + 26]) {
        expect(Math.abs((target[i] as number) - (rgb[3 * i] as number))).toBeLessThan(8);
      }
    }
  });
});

it('resizePixels() repeats grey for RGB', async () => {
  expect([...(await resizePixels(Uint8Array.of(1, 2, 3, 4), [1, 2, 2], [3, 2, 2]))]).toEqual([
    1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4,
  ]);
  const wider = await resizePixels(new Uint8Array(28 * 28).fill(9), [1, 28, 28], [1, 32, 32]);
  expect(wider).toEqual(new Uint8Array(32 * 32).fill(9));
});

describe('broken images', () => {
  const refused = { code: 'invalid-argument', message: expect.stringMatching(/^Cannot decode image: [^\n]+$/) };

  it.each([
    ['no bytes', Buffer.alloc(0)],
    ['one byte', Buffer.from([0xff])],
    ['text', Buffer.from('<html>not an image</html>')],
    ['a drawing', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="32" height="32"/>')],
    [
      'a drawing behind a comment that looks like AVIF',
      Buffer.from('<!--ftypavif--><svg xmlns="http://www.w3.org/2000/svg" width="32" height="32"/>'),
    ],
    ['a signature alone', Buffer.from([0xff, 0xd8, 0xff, 0xd9])],
  ])('refuses %s', async (_, bytes) => {
    await expect(decodeImage(bytes)).rejects.toMatchObject(refused);
  });

  it('says once what is wrong with a JPEG that is cut off', async () => {
    const large = await asSharp(picture(400, 400), 400, 400).jpeg({ quality: 85 }).toBuffer();
    const message = (share: number) =>
      decodeImage(large.subarray(0, large.length * share)).then(
        () => 'decoded',
        (error: Error) => error.message,
      );
    expect(await message(0.02)).toMatch(/premature end of JPEG image/);
    for (const share of [0.02, 0.5]) {
      expect((await message(share)).match(/premature end of JPEG image/g), `${share}`).toHaveLength(1);
    }
  });

  it('refuses an image that is cut off, and reads the next one', async () => {
    for (const part of [0.3, 0.6, 0.9]) {
      await expect(decodeImage(jpeg.subarray(0, jpeg.length * part))).rejects.toMatchObject(refused);
      await expect(decodeImage(png.subarray(0, png.length * part))).rejects.toMatchObject(refused);
      expect(await decodeImage(jpeg)).toMatchObject({ width: SIDE });
    }
  });

  it('refuses a header that claims more than 64 megapixels, before it takes the memory', async () => {
    const huge = Buffer.from(jpeg);
    const frame = huge.indexOf(Buffer.from([0xff, 0xc0]));
    huge.writeUInt16BE(65_500, frame + 5);
    huge.writeUInt16BE(65_500, frame + 7);
    await expect(decodeImage(huge)).rejects.toMatchObject(refused);
    await expect(decodeInto(huge, [3, SIDE, SIDE], new Uint8Array(3 * SIDE * SIDE))).rejects.toMatchObject(refused);
  });

  it('decodes or refuses, and nothing else, whatever bits are turned', async () => {
    const random = new Random(1);
    const reference = Buffer.from((await decodeImage(jpeg)).data);
    let refusals = 0;
    for (let round = 0; round < 200; round++) {
      const bytes = Buffer.from(round % 2 === 0 ? jpeg : png);
      for (let flips = 1 + random.integer(4); flips > 0; flips--) {
        const at = random.integer(bytes.length);
        bytes[at] = (bytes[at] as number) ^ (1 << random.integer(8));
      }
      await decodeInto(bytes, [3, SIDE, SIDE], new Uint8Array(3 * SIDE * SIDE)).catch((error: unknown) => {
        expect(error).toMatchObject(refused);
        refusals++;
      });
    }
    expect(refusals).toBeGreaterThan(50);
    expect(Buffer.from((await decodeImage(jpeg)).data)).toEqual(reference);
  });
});
