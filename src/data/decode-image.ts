/**
 * Image files to pixels: JPEG, PNG, WebP, GIF (first frame), TIFF (first page) and AVIF. Images are turned as EXIF says,
 * colour profiles are ignored and transparency is dropped, as Pillow's `convert('RGB')` does, since that is what the
 * models were trained on. A JPEG with recoverable errors decodes, one that is cut off does not (Pillow's rule as well).
 */
import type { Sharp, SharpOptions } from 'sharp';
import { messageOf, SkeinError } from '../base/index.ts';
import { checkImageFormat } from './image-format.ts';
import { decodePlainJpeg } from './jpeg-decoder.ts';
import { plainJpegHeader } from './jpeg-header.ts';
import { checkImageShape, type ImageShape } from './preprocessing.ts';

export interface RgbImage {
  readonly width: number;
  readonly height: number;
  /** Height × width × 3 bytes. */
  readonly data: Uint8Array;
}

/** Above this, sharp's SIMD makes up for what its call costs (measured: equal at about 350 × 350). */
const SMALL_PIXELS = 320 * 320;
/** A small image does not need more; this bounds what a made-up progressive JPEG can cost. */
const SMALL_BYTES = 512 * 1024;
/** 64 megapixels; a file of some kilobytes can claim far more. */
const MAX_PIXELS = 2 ** 26;

/**
 * Decodes an image file at its own size.
 *
 * @throws {SkeinError} 'invalid-argument' for bytes that are no image, or a broken one
 */
export async function decodeImage(bytes: Uint8Array): Promise<RgbImage> {
  checkImageFormat(bytes);
  const header = plainJpegHeader(bytes);
  if (header !== undefined && isSmall(bytes, header)) {
    const image = await decodePlainJpeg(bytes);
    if (image !== undefined) return { width: image.width, height: image.height, data: dropAlpha(image.data) };
  }
  const { data, info } = await raw((await open(bytes)).autoOrient());
  return { width: info.width, height: info.height, data };
}

/**
 * Decodes an image file into C×H×W bytes at `offset` of `target`. An image of another size is scaled so that it covers
 * H×W (sharp's Lanczos, aspect kept) and cropped around its centre, to within half a pixel; grey is Rec. 601 luma,
 * rounded as Pillow rounds it.
 *
 * @throws {SkeinError} 'invalid-argument' for bytes that are no image, or a broken one
 */
export async function decodeInto(bytes: Uint8Array, shape: ImageShape, target: Uint8Array, offset = 0): Promise<void> {
  checkImageFormat(bytes);
  const [channels, height, width] = shape;
  const header = plainJpegHeader(bytes);
  if (header?.width === width && header.height === height && isSmall(bytes, header)) {
    const image = await decodePlainJpeg(bytes);
    if (image !== undefined) {
      toPlanes(image.data, 4, channels, target.subarray(offset, offset + channels * height * width));
      return;
    }
  }
  const { data } = await raw((await open(bytes)).autoOrient().resize(width, height, { fit: 'cover' }));
  toPlanes(data, 3, channels, target.subarray(offset, offset + channels * height * width));
}

/** Scales and crops C×H×W bytes as {@link decodeInto} does an image file; grey becomes RGB and back. */
export async function resizePixels(pixels: Uint8Array, from: ImageShape, to: ImageShape): Promise<Uint8Array> {
  checkImageShape(to);
  const [channels, height, width] = from;
  const rgb = toInterleavedRgb(pixels, channels, height * width);
  const same = height === to[1] && width === to[2];
  const data = same
    ? rgb
    : (await raw((await open(rgb, { raw: { width, height, channels: 3 } })).resize(to[2], to[1], { fit: 'cover' })))
        .data;
  const planes = new Uint8Array(to[0] * to[1] * to[2]);
  toPlanes(data, 3, to[0], planes);
  return planes;
}

let loading: Promise<typeof import('sharp').default> | undefined;

/** sharp is loaded when first needed: a thread that only sees small JPEGs does without its memory. */
async function open(bytes: Uint8Array, options: SharpOptions = {}): Promise<Sharp> {
  loading ??= import('sharp').then(({ default: sharp }) => {
    // The images are the parallel part; a second level of threads would only fight over the same cores.
    sharp.concurrency(1);
    sharp.cache(false);
    return sharp;
  });
  const sharp = await loading;
  return sharp(bytes, { failOn: 'error', limitInputPixels: MAX_PIXELS, ignoreIcc: true, ...options });
}

async function raw(image: Sharp): Promise<{ data: Uint8Array; info: { width: number; height: number } }> {
  try {
    const { data, info } = await image
      .removeAlpha()
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    if (info.channels !== 3) throw new Error(`expected three channels, received ${info.channels}`);
    return { data, info };
  } catch (error) {
    throw cannotDecode(saidOnce(error), error);
  }
}

function isSmall(bytes: Uint8Array, header: { width: number; height: number }): boolean {
  return header.width * header.height <= SMALL_PIXELS && bytes.length <= SMALL_BYTES;
}

function dropAlpha(rgba: Uint8ClampedArray): Uint8Array {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    rgb[to] = rgba[from] as number;
    rgb[to + 1] = rgba[from + 1] as number;
    rgb[to + 2] = rgba[from + 2] as number;
  }
  return rgb;
}

function toPlanes(pixels: Uint8Array | Uint8ClampedArray, stride: 3 | 4, channels: number, target: Uint8Array): void {
  const plane = target.length / channels;
  for (let i = 0, at = 0; i < plane; i++, at += stride) {
    const red = pixels[at] as number;
    const green = pixels[at + 1] as number;
    const blue = pixels[at + 2] as number;
    if (channels === 1) {
      // Pillow's integer form of 0.299 R + 0.587 G + 0.114 B; equal channels keep their value.
      target[i] = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
    } else {
      target[i] = red;
      target[plane + i] = green;
      target[2 * plane + i] = blue;
    }
  }
}

function toInterleavedRgb(planes: Uint8Array, channels: number, plane: number): Uint8Array {
  const rgb = new Uint8Array(plane * 3);
  for (let c = 0; c < 3; c++) {
    const start = channels === 3 ? c * plane : 0;
    for (let i = 0; i < plane; i++) rgb[i * 3 + c] = planes[start + i] as number;
  }
  return rgb;
}

/** sharp gives all that libvips said, line by line, the same again and again where it tried several times. */
function saidOnce(error: unknown): string {
  const lines = (error instanceof Error ? error.message : String(error)).split('\n').map((line) => line.trim());
  return messageOf(lines.filter((line, i) => !lines.slice(0, i).some((said) => said.endsWith(line))).join('; '));
}

function cannotDecode(reason: string, cause?: unknown): SkeinError {
  return new SkeinError('invalid-argument', `Cannot decode image: ${reason}`, { cause });
}
