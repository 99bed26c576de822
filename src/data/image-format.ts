/**
 * What kind of file some bytes are, by their signature. sharp reads more than the photographs that a classifier is for
 * (an SVG is a program that draws), so nothing reaches it that is not known here; what is refused is refused by name.
 */
import { SkeinError } from '../base/index.ts';

type Accepted = 'JPEG' | 'PNG' | 'WebP' | 'GIF' | 'TIFF' | 'AVIF';

/** The beginning of a file in Latin-1, '?' standing for any byte. */
const ACCEPTED: { readonly [Format in Exclude<Accepted, 'AVIF'>]: readonly string[] } = {
  JPEG: ['\xff\xd8\xff'],
  PNG: ['\x89PNG\r\n\x1a\n'],
  WebP: ['RIFF????WEBP'],
  GIF: ['GIF87a', 'GIF89a'],
  TIFF: ['II*\0', 'MM\0*'],
};

/** Other files that people send. */
const OTHERS: { readonly [name: string]: readonly string[] } = {
  BMP: ['BM'],
  PDF: ['%PDF-'],
  'JPEG XL': ['\xff\x0a', '\0\0\0\x0cJXL '],
  'JPEG 2000': ['\0\0\0\x0cjP  ', '\xff\x4f\xff\x51'],
  ZIP: ['PK\x03\x04'],
  gzip: ['\x1f\x8b'],
  NumPy: ['\x93NUMPY'],
};

/** ISO/IEC 14496-12: a file type box has a major brand, a version, and compatible brands; a real one has a few. */
const LARGEST_FILE_TYPE_BOX = 1024;
const AVIF_BRANDS = ['avif', 'avis'];

/** @throws {SkeinError} 'invalid-argument' for bytes that are not JPEG, PNG, WebP, GIF, TIFF or AVIF */
export function checkImageFormat(bytes: Uint8Array): void {
  const start = latin1(bytes, 0, 16);
  if (nameIn(ACCEPTED, start) !== undefined) return;
  const brands = brandsOf(bytes);
  if (brands?.some((brand) => AVIF_BRANDS.includes(brand))) return;
  throw new SkeinError(
    'invalid-argument',
    `Cannot decode image: expected JPEG, PNG, WebP, GIF, TIFF or AVIF, received ${describe(bytes, start, brands)}`,
  );
}

function describe(bytes: Uint8Array, start: string, brands: readonly string[] | undefined): string {
  if (bytes.length === 0) return 'no bytes';
  if (brands !== undefined) {
    const major = brands[0]?.replace(/[^ -~]/g, '?') ?? '';
    return /^(hei|hev|mif1)/.test(major) ? 'HEIC' : `media of brand '${major}'`;
  }
  const other = nameIn(OTHERS, start);
  if (other !== undefined) return other;
  const text = latin1(bytes, 0, 1000)
    .replace(/^\xef\xbb\xbf/, '')
    .trimStart();
  if (text.startsWith('<')) return /<svg[\s>]/i.test(text) ? 'SVG' : 'HTML or XML';
  return `${bytes.length} bytes that begin as none of them`;
}

/** The brands of a file that begins with a file type box, the major one first. */
function brandsOf(bytes: Uint8Array): string[] | undefined {
  if (bytes.length < 16 || latin1(bytes, 4, 8) !== 'ftyp') return undefined;
  const size = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  if (size < 16 || size > Math.min(bytes.length, LARGEST_FILE_TYPE_BOX) || size % 4 !== 0) return undefined;
  const brands = [latin1(bytes, 8, 12)];
  for (let at = 16; at < size; at += 4) brands.push(latin1(bytes, at, at + 4));
  return brands;
}

function nameIn(signatures: { readonly [name: string]: readonly string[] }, start: string): string | undefined {
  return Object.keys(signatures).find((name) => signatures[name]?.some((signature) => begins(start, signature)));
}

function begins(start: string, signature: string): boolean {
  return start.length >= signature.length && [...signature].every((letter, i) => letter === '?' || letter === start[i]);
}

function latin1(bytes: Uint8Array, from: number, to: number): string {
  return String.fromCharCode(...bytes.subarray(from, to));
}
