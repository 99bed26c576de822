/** Numbers that a step takes beside the images, known of each image before the training: what a teacher says of it, say. */
import { SkeinError } from '../base/index.ts';
import { type Augmentation, type TrainingBatch, variantsOf } from '../data/index.ts';
import type { TensorData } from '../runtime/index.ts';

export interface ImageFeed {
  /** The input of the step, float32 [N, size]. */
  readonly name: string;
  readonly size: number;
  /** How many different images the augmentation makes of one: see `variantsOf`. */
  readonly variants: number;
  /** [images, variants, size], in the order of the data. */
  readonly values: Float32Array;
}

/**
 * @param images that the values must be of
 * @throws SkeinError 'invalid-argument' where they are of others, or the augmentation makes what nothing is known of
 */
export function checkImageFeeds(feeds: readonly ImageFeed[], images: number, augmentation: Augmentation = {}): void {
  const made = variantsOf(augmentation);
  for (const { name, size, variants, values } of feeds) {
    if (made !== variants) {
      throw new SkeinError(
        'invalid-argument',
        `The values of the input '${name}' are known of ${variants} variants of each image, the augmentation makes ${made ?? 'more than can be counted'}`,
      );
    }
    const expected = images * variants * size;
    if (values.length === expected) continue;
    throw new SkeinError(
      'invalid-argument',
      `The input '${name}' needs ${expected} numbers, ${variants} times ${size} for each of ${images} images, received ${values.length}`,
    );
  }
}

/** The rows of a batch, by input. */
export function imageFeedsOf(
  feeds: readonly ImageFeed[],
  { indices, variants: which, count }: Pick<TrainingBatch, 'indices' | 'variants' | 'count'>,
): Record<string, TensorData> {
  const rows: Record<string, TensorData> = {};
  for (const { name, size, variants, values } of feeds) {
    const data = new Float32Array(count * size);
    for (const [row, index] of indices.entries()) {
      const from = (index * variants + (which?.[row] ?? 0)) * size;
      data.set(values.subarray(from, from + size), row * size);
    }
    rows[name] = { dtype: 'float32', dims: [count, size], data };
  }
  return rows;
}
