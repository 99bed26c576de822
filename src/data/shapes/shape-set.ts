/**
 * The images of one split of drawn data, each by its number: what a thread needs to draw them. Image i depends on the
 * seed, the split, i and its label alone, and no two images of a seed share a random stream, so the splits are disjoint.
 */
import { Random } from '../../base/index.ts';
import { drawShape, type ShapeStyle } from './draw-shape.ts';
import { type ShapeClass, shapeClasses } from './shape-classes.ts';

/** Images a split can have; all splits and their labels fit in 32 bits. */
export const MOST_IMAGES = 2 ** 24;

/** Plain data, so that it can be sent to a thread. */
export interface ShapeSet {
  readonly seed: number;
  /** Which split, from 0. */
  readonly part: number;
  readonly classes: 10 | 100;
  readonly newClass: boolean;
  readonly style: ShapeStyle;
}

/** The random stream of a place: no two of one seed are the same. */
export function streamOf(seed: number, part: number, index: number): Random {
  // XOR with a constant maps different keys to different seeds.
  const secret = new Random(seed).uint32();
  return new Random(((part * MOST_IMAGES + index) ^ secret) >>> 0);
}

/** @returns what draws image `index` with a label: 3×32×32 bytes */
export function drawerOf({
  seed,
  part,
  classes,
  newClass,
  style,
}: ShapeSet): (index: number, label: number) => Uint8Array {
  const table = shapeClasses(classes, newClass);
  return (index, label) => drawShape(streamOf(seed, part, index), table[label] as ShapeClass, style);
}
