/**
 * `shapes`: labelled images drawn on the fly, for whoever has no data at hand. Image i of a split depends on the seed,
 * the split and i alone, and no two images of a seed share a random stream, so the splits are disjoint.
 */
import { Random, SkeinError } from '../base/index.ts';
import { DEFAULT_STYLE, drawShape, SHAPE_NAMES, SHAPE_SIDE, type ShapeStyle } from './draw-shape.ts';
import type { Source } from './source.ts';

export interface ShapesOptions {
  readonly seed?: number;
  /** How many images a split has; 10,000 of `train` and 2,000 each of `val` and `test` unless told. */
  readonly count?: number;
  readonly style?: ShapeStyle;
}

const DEFAULT_COUNTS: Readonly<Record<string, number>> = { test: 2000, train: 10_000, val: 2000 };
/** Images a split can have; three splits and their order of labels fit in 32 bits. */
const MOST = 2 ** 24;

export function shapesSource(options: ShapesOptions = {}): Source {
  const { seed = 0, style = DEFAULT_STYLE } = options;
  const splits = Object.keys(DEFAULT_COUNTS);
  // XOR with a constant maps different keys to different seeds.
  const secret = new Random(seed).uint32();
  const stream = (part: number, index: number) => new Random(((part * MOST + index) ^ secret) >>> 0);
  return {
    splits,
    async open(split) {
      const part = splits.indexOf(split ?? '');
      const size = options.count ?? (DEFAULT_COUNTS[split ?? ''] as number);
      if (size > MOST) {
        throw new SkeinError(
          'invalid-argument',
          `Cannot draw shapes: expected at most ${MOST} images, received ${size}`,
        );
      }
      const labels = balancedLabels(size, stream(splits.length + part, 0));
      return {
        classNames: SHAPE_NAMES,
        labels,
        images: {
          kind: 'pixels',
          shape: [3, SHAPE_SIDE, SHAPE_SIDE],
          pixels: (i) => drawShape(stream(part, i), labels[i] as number, style),
        },
        name: (i) => `shapes ${split} ${i}`,
      };
    },
  };
}

/** Every class once in each run of as many images as there are classes, so that any first part is balanced as well. */
function balancedLabels(size: number, random: Random): Int32Array {
  const labels = new Int32Array(size);
  const classes = SHAPE_NAMES.map((_, label) => label);
  for (let i = 0; i < size; i += classes.length) {
    labels.set(random.shuffle(classes).slice(0, size - i), i);
  }
  return labels;
}
