/** The thread of decode-pool.ts: image files in one packed buffer to pixels or normalised numbers. */
import { messageOf } from '../base/index.ts';
import { answerJobs } from '../base/worker-thread.ts';
import { decodeInto } from './decode-image.ts';
import {
  type ImageShape,
  normalizationTables,
  normalizeInto,
  type Preprocessing,
  pixelCount,
} from './preprocessing.ts';

export interface DecodeJob {
  /** The files one after another; `ends[i]` is where file i ends. */
  readonly packed: Uint8Array;
  readonly ends: readonly number[];
  /** Numbers are wanted where there is a mean, pixels where there is a shape alone. */
  readonly want: Preprocessing | { readonly shape: ImageShape };
}

export interface DecodeResult {
  readonly data: Float32Array | Uint8Array;
  /** Why image i could not be decoded; its numbers are zero. */
  readonly errors: (string | undefined)[];
}

let tables: { key: string; values: Float32Array } | undefined;

function tablesFor(pre: Preprocessing): Float32Array {
  const key = JSON.stringify([pre.shape[0], pre.mean, pre.std]);
  if (tables?.key !== key) tables = { key, values: normalizationTables(pre) };
  return tables.values;
}

answerJobs<DecodeJob, DecodeResult>(async ({ packed, ends, want }) => {
  const size = pixelCount(want.shape);
  const pixels = new Uint8Array(ends.length * size);
  const numbers = 'mean' in want ? new Float32Array(ends.length * size) : undefined;
  const errors = new Array<string | undefined>(ends.length).fill(undefined);
  for (const [i, end] of ends.entries()) {
    try {
      await decodeInto(packed.subarray(i === 0 ? 0 : ends[i - 1], end), want.shape, pixels, i * size);
    } catch (error) {
      errors[i] = messageOf(error);
      continue;
    }
    if (numbers !== undefined && 'mean' in want) {
      const image = pixels.subarray(i * size, (i + 1) * size);
      normalizeInto(image, tablesFor(want), want.shape, numbers, i * size);
    }
  }
  const data = numbers ?? pixels;
  return { result: { data, errors }, transfer: [data.buffer] };
});
