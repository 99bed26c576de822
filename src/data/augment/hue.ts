/**
 * Turns the hue of each pixel by way of 8-bit hue, saturation and value, with the rounding of PIL (libImaging/Convert.c,
 * rgb2hsv_row and hsv2rgb), which torchvision's `adjust_hue` goes by for PIL images.
 */
import type { ImageShape } from '../preprocessing.ts';

const { fround } = Math;

/**
 * @param turn part of a full turn, -0.5 to 0.5; 0 loses what 8-bit hue cannot hold, as it does with torchvision
 * @returns a new array; an image of one channel has no hue and stays as it is
 */
export function adjustHue(pixels: Uint8Array, shape: ImageShape, turn: number): Uint8Array {
  const out = pixels.slice();
  if (shape[0] === 1) return out;
  const plane = shape[1] * shape[2];
  const steps = Math.trunc(turn * 255) & 255;
  for (let i = 0; i < plane; i++) {
    const red = pixels[i] as number;
    const green = pixels[i + plane] as number;
    const blue = pixels[i + 2 * plane] as number;
    const value = Math.max(red, green, blue);
    const spread = value - Math.min(red, green, blue);
    if (spread === 0) continue;
    const saturation = Math.trunc(fround(spread / value) * 255);
    const hue = (hueOf(red, green, blue, value, spread) + steps) & 255;
    const sector = Math.floor((hue * 6) / 255);
    const [r, g, b] = toRgb(sector % 6, fround((hue * 6) / 255 - sector), fround(saturation / 255), value);
    out[i] = r;
    out[i + plane] = g;
    out[i + 2 * plane] = b;
  }
  return out;
}

/** 0 to 255. */
function hueOf(red: number, green: number, blue: number, value: number, spread: number): number {
  const fromRed = fround((value - red) / spread);
  const fromGreen = fround((value - green) / spread);
  const fromBlue = fround((value - blue) / spread);
  let sixths: number;
  if (red === value) sixths = fround(fromBlue - fromGreen);
  else if (green === value) sixths = fround(2 + fromRed - fromBlue);
  else sixths = fround(4 + fromGreen - fromRed);
  return Math.trunc(fround((sixths / 6 + 1) % 1) * 255);
}

/** @param part how far into the sector, 0 to 1 */
function toRgb(sector: number, part: number, saturation: number, value: number): [number, number, number] {
  if (saturation === 0) return [value, value, value];
  const low = round(value * (1 - saturation));
  const falling = round(value * (1 - fround(saturation * part)));
  const rising = round(value * (1 - saturation * (1 - part)));
  switch (sector) {
    case 0:
      return [value, rising, low];
    case 1:
      return [falling, value, low];
    case 2:
      return [low, value, rising];
    case 3:
      return [low, falling, value];
    case 4:
      return [rising, low, value];
    default:
      return [value, low, falling];
  }
}

function round(value: number): number {
  return Math.floor(value + 0.5);
}
