/** Which class each drawn image is of. */
import type { Random } from '../../base/index.ts';

export interface LabelOptions {
  /** Without the new one. */
  readonly classes: number;
  /** The share of images that become label `classes`. */
  readonly newclass: number;
  /** How far the mix shifts. */
  readonly mix: number;
}

/**
 * Without a shift every class once in each run of as many images as there are classes, so that any first part is balanced
 * as well. With one the share of a class changes evenly over the set: at image i of n, with t from -1 at the first to 1 at
 * the last and u from -1 for the first class to 1 for the last, it is (1 + mix × t × u) / classes.
 *
 * @param newcomers decides which images are of the new class; the labels of the others stay as without it
 */
export function shapeLabels(size: number, options: LabelOptions, random: Random, newcomers: Random): Int32Array {
  const { classes, newclass, mix } = options;
  const labels = mix === 0 ? balancedLabels(size, classes, random) : shiftingLabels(size, classes, mix, random);
  if (newclass === 0) return labels;
  return labels.map((label) => (newcomers.uniform() < newclass ? classes : label));
}

function balancedLabels(size: number, classes: number, random: Random): Int32Array {
  const labels = new Int32Array(size);
  const run = Array.from({ length: classes }, (_, label) => label);
  for (let i = 0; i < size; i += classes) labels.set(random.shuffle(run).slice(0, size - i), i);
  return labels;
}

function shiftingLabels(size: number, classes: number, mix: number, random: Random): Int32Array {
  return Int32Array.from({ length: size }, (_, i) => {
    const tilt = mix * ((2 * i + 1) / size - 1);
    let left = random.uniform() * classes;
    for (let label = 0; label < classes - 1; label++) {
      left -= 1 + tilt * ((2 * label) / (classes - 1) - 1);
      if (left < 0) return label;
    }
    return classes - 1;
  });
}
