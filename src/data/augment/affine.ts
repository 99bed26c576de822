/**
 * Shearing, moving and turning, each pixel taken from the nearest one of the image and black where there is none: as PIL
 * does it (libImaging/Geometry.c, affine_fixed: positions in 16.16 fixed point), and so torchvision for PIL images.
 */
import type { ImageShape } from '../preprocessing.ts';

/** Where the pixel at (x, y) comes from: (a x + b y + c, d x + e y + f). */
type Matrix = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

/** Each row is moved left by `slope` of its distance from the top. A new array of C×H×W bytes is given, here and below. */
export function shearX(pixels: Uint8Array, shape: ImageShape, slope: number): Uint8Array {
  return affine(pixels, shape, [1, slope, 0, 0, 1, 0]);
}

/** Each column is moved up by `slope` of its distance from the left. */
export function shearY(pixels: Uint8Array, shape: ImageShape, slope: number): Uint8Array {
  return affine(pixels, shape, [1, 0, 0, slope, 1, 0]);
}

/** Moves right and down by whole pixels. */
export function translate(pixels: Uint8Array, shape: ImageShape, right: number, down: number): Uint8Array {
  return affine(pixels, shape, [1, 0, -right, 0, 1, -down]);
}

/** Turns counter-clockwise around the middle. */
export function rotate(pixels: Uint8Array, shape: ImageShape, degrees: number): Uint8Array {
  const angle = (-degrees * Math.PI) / 180;
  const cos = toDigits(Math.cos(angle));
  const sin = toDigits(Math.sin(angle));
  const x = shape[2] / 2;
  const y = shape[1] / 2;
  return affine(pixels, shape, [cos, sin, x - cos * x - sin * y, -sin, cos, y + sin * x - cos * y]);
}

function affine(pixels: Uint8Array, [channels, height, width]: ImageShape, matrix: Matrix): Uint8Array {
  const [a, b, c, d, e, f] = matrix;
  const plane = height * width;
  const out = new Uint8Array(pixels.length);
  const [xPerColumn, xPerRow, yPerColumn, yPerRow] = [fixed(a), fixed(b), fixed(d), fixed(e)];
  // Of the pixel's middle.
  let rowX = fixed(c + a * 0.5 + b * 0.5);
  let rowY = fixed(f + d * 0.5 + e * 0.5);
  for (let row = 0; row < height; row++, rowX += xPerRow, rowY += yPerRow) {
    let x = rowX;
    let y = rowY;
    for (let column = 0; column < width; column++, x += xPerColumn, y += yPerColumn) {
      const fromX = Math.floor(x / 65536);
      const fromY = Math.floor(y / 65536);
      if (fromX < 0 || fromX >= width || fromY < 0 || fromY >= height) continue;
      const from = fromY * width + fromX;
      const to = row * width + column;
      for (let offset = 0; offset < channels * plane; offset += plane) {
        out[to + offset] = pixels[from + offset] as number;
      }
    }
  }
  return out;
}

function fixed(value: number): number {
  return Math.floor(value * 65536 + 0.5);
}

/** 15 digits, as PIL rounds, so that quarter turns are exact. */
function toDigits(value: number): number {
  return Number(value.toFixed(15));
}
