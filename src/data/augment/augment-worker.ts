/** The thread of augment-pool.ts: pixels of a batch to varied and normalised numbers. */
import { Random, seedOf } from '../../base/index.ts';
import { answerJobs } from '../../base/worker-thread.ts';
import { normalizationTables, type Preprocessing, pixelCount } from '../preprocessing.ts';
import { type Augmentation, augmentInto } from './augmentation.ts';

export interface AugmentJob {
  /** Images × C×H×W bytes. */
  readonly pixels: Uint8Array<ArrayBuffer>;
  /** As many numbers, to be written. */
  readonly data: Float32Array<ArrayBuffer>;
  /** For each image the keys of its random stream. */
  readonly keys: readonly (readonly number[])[];
  readonly pre: Preprocessing;
  readonly augmentation: Augmentation;
}

/** The buffers of the job, so that they can be used again. */
export type AugmentResult = Pick<AugmentJob, 'pixels' | 'data'>;

answerJobs<AugmentJob, AugmentResult>(({ pixels, data, keys, pre, augmentation }) => {
  const tables = normalizationTables(pre);
  const size = pixelCount(pre.shape);
  for (const [row, key] of keys.entries()) {
    const image = pixels.subarray(row * size, (row + 1) * size);
    augmentInto(image, pre.shape, augmentation, new Random(seedOf(...key)), tables, data, row * size);
  }
  return { result: { pixels, data }, transfer: [pixels.buffer, data.buffer] };
});
