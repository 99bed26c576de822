import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { checkImageFormat } from './image-format.ts';

const image = sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } });
const drawing = '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8"/></svg>';

/** A file type box of these brands, and something after it. */
function withBrands(...[major = '', ...compatible]: string[]): Buffer {
  const body = `${major}\0\0\0\0${compatible.join('')}`;
  const size = Buffer.alloc(4);
  size.writeUInt32BE(body.length + 8);
  return Buffer.concat([size, Buffer.from(`ftyp${body}${'\0'.repeat(64)}`, 'latin1')]);
}

describe('checkImageFormat()', () => {
  it.each(['jpeg', 'png', 'webp', 'gif', 'tiff', 'avif'] as const)('lets %s in', async (format) => {
    const bytes = await image.clone().toFormat(format).toBuffer();
    expect(() => checkImageFormat(bytes)).not.toThrow();
  });

  it('knows AVIF by a compatible brand, too', () => {
    expect(() => checkImageFormat(withBrands('mif1', 'mif1', 'avif'))).not.toThrow();
  });

  it.each([
    ['SVG', Buffer.from(drawing)],
    ['SVG', Buffer.from(`\ufeff  <?xml version="1.0"?>\n${drawing}`)],
    // Its letters 5 to 8 are those of a file type box.
    ['SVG', Buffer.from(`<!--ftypavif-->${drawing}`)],
    ['SVG', Buffer.from(`<!--ftypavif${'avif'.repeat(10)}-->${drawing}`)],
    ['HTML or XML', Buffer.from('<!doctype html><p>no image</p>')],
    ['HEIC', withBrands('heic', 'mif1', 'heic')],
    ["media of brand 'isom'", withBrands('isom', 'mp42')],
    ["media of brand 'a??b'", withBrands('a\n\x01b')],
    ['BMP', Buffer.from('BM\x46\0\0\0\0\0\0\0', 'latin1')],
    ['PDF', Buffer.from('%PDF-1.7\n')],
    ['gzip', Buffer.from([0x1f, 0x8b, 8, 0])],
    ['3 bytes that begin as none of them', Buffer.from('\x89PN', 'latin1')],
    ['no bytes', Buffer.alloc(0)],
  ])('refuses %s by name', (name, bytes) => {
    const message = `Cannot decode image: expected JPEG, PNG, WebP, GIF, TIFF or AVIF, received ${name}`;
    expect(() => checkImageFormat(bytes)).toThrow(expect.objectContaining({ code: 'invalid-argument', message }));
  });
});
