/**
 * Reads just enough of a JPEG to know which decoder may have it. Markers as in ITU-T T.81, Annex B; the Adobe segment as
 * in Adobe's Technical Note 5116.
 */
export interface JpegHeader {
  readonly width: number;
  readonly height: number;
}

const SOF_BASELINE = 0xc0;
const SOF_PROGRESSIVE = 0xc2;
const START_OF_SCAN = 0xda;
const END_OF_IMAGE = 0xd9;
const APP1_EXIF = 0xe1;
const APP14_ADOBE = 0xee;

/**
 * The size of a *plain* JPEG: 8 bits, grey or YCbCr, Huffman-coded, without EXIF (which may turn the image). Undefined
 * for anything else, valid or not.
 */
export function plainJpegHeader(bytes: Uint8Array): JpegHeader | undefined {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return undefined;
  let header: (JpegHeader & { components: number }) | undefined;
  let position = 2;
  while (position + 4 <= bytes.length) {
    if (bytes[position] !== 0xff) return undefined;
    const marker = bytes[position + 1] as number;
    if (marker === 0xff) {
      position++;
      continue;
    }
    if (marker === END_OF_IMAGE) return undefined;
    const length = uint16(bytes, position + 2);
    const segment = bytes.subarray(position + 4, position + 2 + length);
    if (length < 2 || segment.length !== length - 2) return undefined;
    if (marker === START_OF_SCAN) return header;
    if (marker === APP1_EXIF && startsWith(segment, 'Exif\0')) return undefined;
    // The last byte of Adobe's segment is the colour transform; 1 is YCbCr.
    if (marker === APP14_ADOBE && startsWith(segment, 'Adobe') && segment[11] !== 1) return undefined;
    if (isFrame(marker)) {
      if (header !== undefined || marker > SOF_PROGRESSIVE) return undefined;
      header = frame(segment);
      if (header === undefined) return undefined;
    }
    position += 2 + length;
  }
  return undefined;
}

/** SOF0 to SOF15 without DHT (C4), JPG (C8) and DAC (CC). */
function isFrame(marker: number): boolean {
  return marker >= SOF_BASELINE && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

function frame(segment: Uint8Array): (JpegHeader & { components: number }) | undefined {
  const [precision, , , , , components] = segment;
  if (precision !== 8 || (components !== 1 && components !== 3) || segment.length !== 6 + 3 * components) {
    return undefined;
  }
  const height = uint16(segment, 1);
  const width = uint16(segment, 3);
  return height > 0 && width > 0 ? { width, height, components } : undefined;
}

function uint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

function startsWith(bytes: Uint8Array, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[i] !== text.charCodeAt(i)) return false;
  return true;
}
