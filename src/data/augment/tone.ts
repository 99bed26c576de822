/** Operations that map each byte of a channel by a table: as torchvision and PIL's ImageOps do it for 8-bit images. */
import type { ImageShape } from '../preprocessing.ts';

/** Keeps the highest `bits` bits of each byte. A new array of C×H×W bytes is given, here and below. */
export function posterize(pixels: Uint8Array, bits: number): Uint8Array {
  const mask = ~(2 ** (8 - bits) - 1);
  return pixels.map((byte) => byte & mask);
}

/** Inverts bytes from `threshold` on. */
export function solarize(pixels: Uint8Array, threshold: number): Uint8Array {
  return pixels.map((byte) => (byte < threshold ? byte : 255 - byte));
}

export function invert(pixels: Uint8Array): Uint8Array {
  return pixels.map((byte) => 255 - byte);
}

/** Stretches each channel so that its darkest byte becomes 0 and its brightest 255. */
export function autoContrast(pixels: Uint8Array, shape: ImageShape): Uint8Array {
  return mapChannels(pixels, shape, (counts) => {
    const low = counts.findIndex((count) => count > 0);
    const high = counts.findLastIndex((count) => count > 0);
    if (high <= low) return undefined;
    const scale = 255 / (high - low);
    return (byte) => Math.trunc(byte * scale - low * scale);
  });
}

/** Spreads the bytes of each channel so that all are about as frequent. */
export function equalize(pixels: Uint8Array, shape: ImageShape): Uint8Array {
  return mapChannels(pixels, shape, (counts) => {
    const last = counts.findLast((count) => count > 0) as number;
    const step = Math.floor((shape[1] * shape[2] - last) / 255);
    if (step === 0) return undefined;
    const values: number[] = [];
    let below = Math.floor(step / 2);
    for (const count of counts) {
      values.push(Math.floor(below / step));
      below += count;
    }
    return (byte) => values[byte] as number;
  });
}

/** @param mappingOf from how often each byte occurs; undefined leaves the channel as it is; results are clamped to bytes */
function mapChannels(
  pixels: Uint8Array,
  [channels, height, width]: ImageShape,
  mappingOf: (counts: Uint32Array) => ((byte: number) => number) | undefined,
): Uint8Array {
  const out = new Uint8Array(pixels.length);
  const plane = height * width;
  for (let c = 0; c < channels; c++) {
    const from = pixels.subarray(c * plane, (c + 1) * plane);
    const counts = new Uint32Array(256);
    for (const byte of from) counts[byte] = (counts[byte] as number) + 1;
    const mapping = mappingOf(counts);
    const table = Uint8ClampedArray.from({ length: 256 }, (_, byte) => mapping?.(byte) ?? byte);
    for (let i = 0; i < plane; i++) out[c * plane + i] = table[from[i] as number] as number;
  }
  return out;
}
