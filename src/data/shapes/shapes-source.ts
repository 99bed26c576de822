/**
 * `shapes`: labelled images drawn on the fly, for whoever has no data at hand, and for what needs data that drifts. They
 * are drawn on threads.
 */
import { SkeinError } from '../../base/index.ts';
import type { Source } from '../source.ts';
import { SHAPE_SIDE } from './draw-shape.ts';
import { shapeClasses } from './shape-classes.ts';
import { shapeLabels } from './shape-labels.ts';
import { ShapePool } from './shape-pool.ts';
import { drawerOf, MOST_IMAGES, type ShapeSet, streamOf } from './shape-set.ts';
import { driftedStyle, parseShapes, type ShapesOptions } from './shapes-options.ts';

export interface DrawOptions {
  readonly seed?: number;
  /** How many images a split has; 10,000 of `train` and 2,000 each of `val` and `test` unless told. */
  readonly count?: number;
  /** Threads that draw; one a core unless told. */
  readonly threads?: number;
}

const DEFAULT_COUNTS: Readonly<Record<string, number>> = { test: 2000, train: 10_000, val: 2000 };

export function shapesSource(options: DrawOptions = {}, shapes: ShapesOptions = parseShapes('shapes')): Source {
  const { seed = 0 } = options;
  const { classes, newclass, mix } = shapes;
  const splits = Object.keys(DEFAULT_COUNTS);
  return {
    splits,
    async open(split) {
      const part = splits.indexOf(split ?? '');
      const size = options.count ?? (DEFAULT_COUNTS[split ?? ''] as number);
      if (size > MOST_IMAGES) {
        throw new SkeinError(
          'invalid-argument',
          `Cannot draw shapes: expected at most ${MOST_IMAGES} images, received ${size}`,
        );
      }
      const set: ShapeSet = { seed, part, classes, newClass: newclass > 0, style: driftedStyle(shapes) };
      // Streams beyond those of the images.
      const random = streamOf(seed, splits.length + part, 0);
      const newcomers = streamOf(seed, 2 * splits.length + part, 0);
      const labels = shapeLabels(size, { classes, newclass, mix }, random, newcomers);
      const label = (i: number) => labels[i] as number;
      const draw = drawerOf(set);
      const pool = new ShapePool(options.threads);
      return {
        classNames: shapeClasses(classes, set.newClass).map(({ name }) => name),
        labels,
        images: {
          kind: 'pixels',
          shape: [3, SHAPE_SIDE, SHAPE_SIDE],
          pixels: (i) => draw(i, label(i)),
          make: (indices) => pool.draw(set, indices, indices.map(label)),
        },
        name: (i) => `shapes ${split} ${i}`,
        close: () => pool.close(),
      };
    },
  };
}
