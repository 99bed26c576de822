/**
 * Brightness, contrast, saturation and sharpness as torchvision gives them for 8-bit PIL images: the image is blended with
 * what it would be without that quality, out = plain + factor × (image - plain), in float32 and cut off to whole bytes.
 */
import type { ImageShape } from '../preprocessing.ts';

/** `factor` 0 is black, 1 the image, above 1 brighter. Pixels here and below are C×H×W bytes; a new array is given. */
export function adjustBrightness(pixels: Uint8Array, factor: number): Uint8Array {
  return blend(pixels, factor, () => 0);
}

/** `factor` 0 is the image's mean grey, 1 the image. */
export function adjustContrast(pixels: Uint8Array, shape: ImageShape, factor: number): Uint8Array {
  const greys = luma(pixels, shape);
  let sum = 0;
  for (const grey of greys) sum += grey;
  const mean = Math.floor(sum / greys.length + 0.5);
  return blend(pixels, factor, () => mean);
}

/** `factor` 0 is grey, 1 the image; an image of one channel stays as it is. */
export function adjustSaturation(pixels: Uint8Array, shape: ImageShape, factor: number): Uint8Array {
  if (shape[0] === 1) return pixels.slice();
  const greys = luma(pixels, shape);
  return blend(pixels, factor, (i) => greys[i % greys.length] as number);
}

/** `factor` 0 is smoothed, 1 the image. The outermost pixels stay as they are. */
export function adjustSharpness(pixels: Uint8Array, shape: ImageShape, factor: number): Uint8Array {
  const smooth = smoothed(pixels, shape);
  return blend(pixels, factor, (i) => smooth[i] as number);
}

function blend(pixels: Uint8Array, factor: number, plainAt: (i: number) => number): Uint8Array {
  const out = new Uint8Array(pixels.length);
  const weight = Math.fround(factor);
  for (let i = 0; i < out.length; i++) {
    const plain = plainAt(i);
    const value = Math.fround(plain + Math.fround(weight * ((pixels[i] as number) - plain)));
    out[i] = value <= 0 ? 0 : value >= 255 ? 255 : value;
  }
  return out;
}

/** H×W bytes of ITU-R 601-2 luma, in the fixed-point numbers of PIL. */
function luma(pixels: Uint8Array, [channels, height, width]: ImageShape): Uint8Array {
  if (channels === 1) return pixels;
  const plane = height * width;
  const greys = new Uint8Array(plane);
  for (let i = 0; i < plane; i++) {
    const red = pixels[i] as number;
    const green = pixels[i + plane] as number;
    const blue = pixels[i + 2 * plane] as number;
    greys[i] = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
  }
  return greys;
}

/** The 3×3 filter 1 1 1 / 1 5 1 / 1 1 1, divided by 13, inside of the border. */
function smoothed(pixels: Uint8Array, [channels, height, width]: ImageShape): Uint8Array {
  const out = pixels.slice();
  for (let c = 0; c < channels; c++) {
    for (let y = 1; y < height - 1; y++) {
      for (let x = 1; x < width - 1; x++) {
        const at = (c * height + y) * width + x;
        let sum = 4 * (pixels[at] as number);
        for (let row = at - width; row <= at + width; row += width) {
          sum += (pixels[row - 1] as number) + (pixels[row] as number) + (pixels[row + 1] as number);
        }
        out[at] = Math.floor(sum / 13 + 0.5);
      }
    }
  }
  return out;
}
