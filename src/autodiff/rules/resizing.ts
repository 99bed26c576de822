/**
 * The gradient of Resize: each axis is resampled by a matrix that is known beforehand, and its transpose goes back
 * (ONNX's definition: an element's place in the source by `coordinate_transformation_mode`, then its neighbours' weights).
 */
import type { Dim } from '../../graph/index.ts';
import type { GradientContext, GradientRule } from '../gradient-rule.ts';
import { type Mixture, mixing } from './selection.ts';

const resize: GradientRule = (g) => {
  const { t, op } = g;
  if (op.int('antialias', 0) !== 0) t.refuse('antialias is not supported');
  let dy = g.dy;
  const blocks = new Map<number, number>();
  for (const [axis, scale] of scalesOf(g).entries()) {
    if (scale === 1) continue;
    const [from, to] = [t.size(g.x(0), axis), t.size(g.y(), axis)];
    const mixtures = Array.from({ length: to }, (_, i) => mixture(g, i, from, to, scale));
    const factor = to / from;
    if (
      Number.isInteger(factor) &&
      mixtures.every((each, i) => each.length === 1 && isAt(each, Math.floor(i / factor)))
    )
      blocks.set(axis, factor);
    else dy = t.alongAxis(dy, axis, mixing(t, dy, mixtures, from));
  }
  return [sumOfBlocks(g, dy, blocks)];
};

function isAt(mixture: Mixture, place: number): boolean {
  return mixture[0]?.[0] === place && mixture[0][1] === 1;
}

/** The gradient of elements that were repeated `factor` times along some axes. */
function sumOfBlocks({ t, x }: GradientContext, dy: string, blocks: ReadonlyMap<number, number>): string {
  if (blocks.size === 0) return dy;
  const dims: Dim[] = [];
  const repeated: number[] = [];
  for (const [axis, dim] of t.dims(x(0)).entries()) {
    dims.push(dim);
    const factor = blocks.get(axis);
    if (factor !== undefined) repeated.push(dims.push(factor) - 1);
  }
  return t.reduceSum(t.reshapeTo(dy, dims), repeated, false);
}

/** Of each axis, 1 where it is not touched. */
function scalesOf({ t, op, x, y }: GradientContext): number[] {
  const [from, to] = [t.dims(x(0)), t.dims(y())];
  const axes = op.ints('axes')?.map((axis) => op.axisOf(axis, from.length)) ?? from.map((_, axis) => axis);
  const given = op.numbers(2);
  if (given !== undefined && given.length > 0) return from.map((_, axis) => given[axes.indexOf(axis)] ?? 1);
  const policy = op.string('keep_aspect_ratio_policy', 'stretch');
  const sizes = op.has(3) && policy !== 'stretch' ? (op.numbers(3) ?? t.unknown(x(3), 'the value')) : [];
  const ratios = sizes.map((size, i) => Math.fround(size / t.size(x(0), axes[i] ?? 0)));
  const common = (policy === 'not_larger' ? Math.min : Math.max)(...ratios);
  return from.map((dim, axis) => {
    if (!axes.includes(axis)) return 1;
    if (ratios.length > 0) return common;
    return dim !== undefined && dim === to[axis] ? 1 : Math.fround(t.size(y(), axis) / t.size(x(0), axis));
  });
}

/** What element i of the resized axis is made of. */
function mixture(g: GradientContext, i: number, from: number, to: number, scale: number): Mixture {
  const place = placeOf(g, i, from, to, scale);
  const mode = g.op.string('mode', 'nearest');
  if (mode === 'nearest') return [[clamp(nearest(g, place), from), 1]];
  if (mode !== 'linear') g.t.refuse(`its mode '${mode}' is not supported`);
  const inside = clamp(place, from);
  const low = Math.floor(inside);
  const high = Math.min(low + 1, from - 1);
  return low === high
    ? [[low, 1]]
    : [
        [low, 1 - (inside - low)],
        [high, inside - low],
      ];
}

function clamp(place: number, size: number): number {
  return Math.min(Math.max(place, 0), size - 1);
}

/** Rounded to float32 like the engine's, so that halves fall to the same side. */
function placeOf({ t, op }: GradientContext, i: number, from: number, to: number, scale: number): number {
  const mode = op.string('coordinate_transformation_mode', 'half_pixel');
  const half = Math.fround(Math.fround((i + 0.5) / scale) - 0.5);
  switch (mode) {
    case 'half_pixel':
      return half;
    case 'pytorch_half_pixel':
      return to > 1 ? half : 0;
    case 'half_pixel_symmetric': {
      const share = Math.fround(to / Math.fround(scale * from));
      return Math.fround(Math.fround((from / 2) * Math.fround(1 - share)) + half);
    }
    case 'asymmetric':
      return Math.fround(i / scale);
    case 'align_corners':
      return to === 1 ? 0 : Math.fround(Math.fround(i * (from - 1)) / (to - 1));
    default:
      return t.refuse(`its coordinate_transformation_mode '${mode}' is not supported`);
  }
}

function nearest({ t, op }: GradientContext, place: number): number {
  const mode = op.string('nearest_mode', 'round_prefer_floor');
  switch (mode) {
    case 'round_prefer_floor':
      return Math.ceil(place - 0.5);
    case 'round_prefer_ceil':
      return Math.floor(place + 0.5);
    case 'floor':
      return Math.floor(place);
    case 'ceil':
      return Math.ceil(place);
    default:
      return t.refuse(`its nearest_mode '${mode}' is not supported`);
  }
}

export const resizing = {
  Resize: resize,
  GridSample: 'refused',
} as const;
