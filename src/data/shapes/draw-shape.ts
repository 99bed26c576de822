/**
 * Draws one labelled image: a shape of varied colour, size, place, rotation and proportion on a shaded background, with
 * clutter behind and thin things in front, under noise. The same stream gives the same bytes on every machine.
 */
import type { Random } from '../../base/index.ts';
import { blurPlanes } from './blur-planes.ts';
import type { Outline } from './shape-outlines.ts';

type Range = readonly [low: number, high: number];

/** How images look. Lengths are parts of the image's side, colours and noise parts of full brightness. */
export interface ShapeStyle {
  readonly radius: Range;
  /** Each channel of the background's colour; that it is mostly the darker one makes learning quick. */
  readonly ground: Range;
  /** Each channel of the shape's colour. */
  readonly fill: Range;
  /** How much longer the shape is one way than the other. */
  readonly stretch: Range;
  /** The least distance of the shape's colour from the background's, in RGB. */
  readonly contrast: number;
  /** How much colour changes across the shape and the background. */
  readonly shading: Range;
  readonly piecesBehind: Range;
  readonly piecesInFront: Range;
  /** Brightness is multiplied by this. */
  readonly light: Range;
  /** Standard deviation of each byte. */
  readonly noise: Range;
  /** In pixels, see `blurPlanes`. */
  readonly blur: number;
}

/** What an image shows. */
export interface Drawn {
  readonly outline: Outline;
  /** Of its colour, in degrees; any colour of the style where absent. */
  readonly hue?: number;
}

/** Chosen so that a small and a big network clearly differ, and the big one still errs. */
export const DEFAULT_STYLE: ShapeStyle = {
  radius: [0.24, 0.42],
  ground: [0, 0.5],
  fill: [0.35, 1],
  stretch: [1, 1.25],
  contrast: 0.35,
  shading: [0, 0.25],
  piecesBehind: [1, 4],
  piecesInFront: [0, 2],
  light: [0.7, 1.1],
  noise: [0.01, 0.06],
  blur: 0,
};

export const SHAPE_SIDE = 32;

type Colour = readonly [red: number, green: number, blue: number];

/** Nothing is covered outside of this circle. */
interface Area {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
}

const WHOLE: Area = { x: SHAPE_SIDE / 2, y: SHAPE_SIDE / 2, radius: SHAPE_SIDE };
/** Clutter is brighter or darker than the shape, as it happens. */
const ANY: Range = [0.05, 0.95];
/** No outline reaches further from its origin. */
const MOST_REACH = 1.6;

/** @returns 3×32×32 bytes */
export function drawShape(random: Random, drawn: Drawn, style: ShapeStyle = DEFAULT_STYLE): Uint8Array {
  const canvas = new Float32Array(3 * SHAPE_SIDE * SHAPE_SIDE);
  const background = colour(random, style.ground);
  paint(canvas, random, background, within(random, style.shading), WHOLE, () => 1);
  for (let left = count(random, style.piecesBehind); left > 0; left--) drawPiece(canvas, random, style);
  drawOutline(canvas, random, drawn, background, style);
  for (let left = count(random, style.piecesInFront); left > 0; left--) drawLine(canvas, random, 0.6, 1.2);
  return develop(blurPlanes(canvas, SHAPE_SIDE, style.blur), random, style);
}

function drawOutline(canvas: Float32Array, random: Random, drawn: Drawn, ground: Colour, style: ShapeStyle): void {
  const { outline, hue } = drawn;
  const radius = within(random, style.radius) * SHAPE_SIDE;
  const margin = radius * 0.85;
  const centreX = random.uniform(margin, SHAPE_SIDE - margin);
  const centreY = random.uniform(margin, SHAPE_SIDE - margin);
  const [cos, sin] = direction(random);
  const [alongX, alongY] = direction(random);
  const stretch = Math.sqrt(within(random, style.stretch));
  const choose = () => (hue === undefined ? colour(random, style.fill) : colourOfHue(random, hue));
  let fill = choose();
  while (distance(fill, ground) < style.contrast) fill = choose();
  const reach: Area = { x: centreX, y: centreY, radius: radius * stretch * MOST_REACH + 1 };
  paint(canvas, random, fill, within(random, style.shading), reach, (x, y) => {
    const dx = (x - centreX) / radius;
    const dy = (y - centreY) / radius;
    const along = (dx * alongX + dy * alongY) / stretch;
    const across = (dy * alongX - dx * alongY) * stretch;
    const sx = along * cos - across * sin;
    const sy = along * sin + across * cos;
    return 0.5 - outline(sx, sy) * radius;
  });
}

/** Something that is none of the classes: a blot, a line or a bar. */
function drawPiece(canvas: Float32Array, random: Random, style: ShapeStyle): void {
  const kind = random.integer(3);
  if (kind === 0) drawLine(canvas, random, 0.7, 1.6);
  else if (kind === 1) drawLine(canvas, random, 2, 5);
  else {
    const radius = random.uniform(1, 3.5);
    const x0 = random.uniform(0, SHAPE_SIDE);
    const y0 = random.uniform(0, SHAPE_SIDE);
    const blot = (x: number, y: number) => 0.5 + radius - Math.sqrt((x - x0) ** 2 + (y - y0) ** 2);
    paint(
      canvas,
      random,
      colour(random, ANY),
      within(random, style.shading),
      { x: x0, y: y0, radius: radius + 1 },
      blot,
    );
  }
}

function drawLine(canvas: Float32Array, random: Random, thinnest: number, thickest: number): void {
  const x0 = random.uniform(0, SHAPE_SIDE);
  const y0 = random.uniform(0, SHAPE_SIDE);
  const [dx, dy] = direction(random);
  const halfLength = random.uniform(3, 10);
  const halfWidth = random.uniform(thinnest, thickest) / 2;
  const reach: Area = { x: x0, y: y0, radius: halfLength + halfWidth + 1 };
  paint(canvas, random, colour(random, ANY), 0, reach, (x, y) => {
    const along = Math.abs((x - x0) * dx + (y - y0) * dy) - halfLength;
    const across = Math.abs((y - y0) * dx - (x - x0) * dy) - halfWidth;
    return 0.5 - Math.max(along, across);
  });
}

/** Mixes a colour, shaded in a random direction, into each pixel by how much of it is covered (0 to 1, clamped). */
function paint(
  canvas: Float32Array,
  random: Random,
  fill: Colour,
  shading: number,
  area: Area,
  coverage: (x: number, y: number) => number,
): void {
  const plane = SHAPE_SIDE * SHAPE_SIDE;
  const [shadeX, shadeY] = direction(random);
  const top = clampToSide(area.y - area.radius);
  const bottom = clampToSide(area.y + area.radius + 1);
  const left = clampToSide(area.x - area.radius);
  const right = clampToSide(area.x + area.radius + 1);
  for (let row = top; row < bottom; row++) {
    for (let column = left; column < right; column++) {
      const covered = Math.min(Math.max(coverage(column + 0.5, row + 0.5), 0), 1);
      if (covered === 0) continue;
      const shade = (shading * (shadeX * (column - 15.5) + shadeY * (row - 15.5))) / SHAPE_SIDE;
      for (let c = 0, at = row * SHAPE_SIDE + column; c < 3; c++, at += plane) {
        const old = canvas[at] as number;
        canvas[at] = old + covered * ((fill[c] as number) + shade - old);
      }
    }
  }
}

/** Light, noise and rounding to bytes. */
function develop(canvas: Float32Array, random: Random, style: ShapeStyle): Uint8Array {
  const light = within(random, style.light) * 255;
  // The sum of a random word's four bytes is nearly normal, with a variance of 4 × (256² - 1) / 12.
  const noise = (within(random, style.noise) * 255) / Math.sqrt(65535 / 3);
  const bytes = new Uint8Array(canvas.length);
  for (let i = 0; i < bytes.length; i++) {
    const word = random.uint32();
    const sum = (word & 255) + ((word >>> 8) & 255) + ((word >>> 16) & 255) + (word >>> 24);
    const value = Math.floor((canvas[i] as number) * light + noise * (sum - 510) + 0.5);
    bytes[i] = Math.min(Math.max(value, 0), 255);
  }
  return bytes;
}

function colour(random: Random, channels: Range): Colour {
  return [within(random, channels), within(random, channels), within(random, channels)];
}

/** A clear colour within 10 degrees of a hue, by the formula of HSV: value - value × saturation × (0 to 1 by the hue). */
function colourOfHue(random: Random, hue: number): Colour {
  const sixths = (hue + random.uniform(-10, 10)) / 60 + 6;
  const saturation = random.uniform(0.6, 1);
  const value = random.uniform(0.65, 1);
  const channel = (turn: number) => {
    const at = (turn + sixths) % 6;
    return value - value * saturation * Math.max(0, Math.min(at, 4 - at, 1));
  };
  return [channel(5), channel(3), channel(1)];
}

function distance(a: Colour, b: Colour): number {
  return Math.sqrt((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2);
}

/** A unit vector, each direction equally likely: a point of the disc, pushed to its edge. */
function direction(random: Random): [number, number] {
  for (;;) {
    const x = random.uniform(-1, 1);
    const y = random.uniform(-1, 1);
    const length = Math.sqrt(x * x + y * y);
    if (length > 0.01 && length <= 1) return [x / length, y / length];
  }
}

function clampToSide(position: number): number {
  return Math.min(Math.max(Math.floor(position), 0), SHAPE_SIDE);
}

function within(random: Random, range: Range): number {
  return random.uniform(range[0], range[1]);
}

/** A whole number from the range, both ends included. */
function count(random: Random, range: Range): number {
  return range[0] + random.integer(range[1] - range[0] + 1);
}
