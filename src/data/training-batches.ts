/**
 * The batches of one epoch of training, varied on threads and prepared some ahead. How image i is varied in an epoch
 * follows from the seed, the epoch, i, and how often i came before in the epoch: not from the number of threads, the size
 * of the batches or the order. So an epoch that begins at batch k goes on as an unbroken one.
 */
import { Random, SkeinError, seedOf } from '../base/index.ts';
import { AugmentPool } from './augment/augment-pool.ts';
import { type Augmentation, checkAugmentation, variantOf, variantsOf } from './augment/augmentation.ts';
import type { Dataset } from './dataset.ts';
import { checkPreprocessing, type Preprocessing } from './preprocessing.ts';
import { type Sampler, shuffledSampler } from './samplers.ts';

export interface TrainingBatch {
  /**
   * count × C×H×W normalised numbers. They are overwritten after the next batch is asked for; a caller that transfers the
   * buffer away may give it to `AugmentPool.recycle` later.
   */
  readonly data: Float32Array<ArrayBuffer>;
  readonly labels: Int32Array;
  /** The same, as the int64 that losses on class numbers take. */
  readonly labels64: BigInt64Array;
  readonly indices: Uint32Array;
  /** Which of its variants each image is, where the augmentation makes few: see `variantsOf`. */
  readonly variants: Uint8Array | undefined;
  readonly count: number;
  /** Which batch of the epoch this is, from 0. */
  readonly number: number;
}

export interface TrainingOptions {
  /** Images in a batch. */
  readonly batch: number;
  /** From 0. */
  readonly epoch: number;
  readonly seed?: number;
  readonly augmentation?: Augmentation;
  /** What comes in which order; everything once, shuffled by the seed, unless told. */
  readonly sampler?: Sampler;
  /** The first batch, to go on with an epoch; 0 unless told. */
  readonly from?: number;
  /** Leave the last batch out where it is smaller; kept unless told. */
  readonly dropLast?: boolean;
  /** Threads for several epochs; the caller closes them. Own ones for this epoch unless told. */
  readonly pool?: AugmentPool;
  /** Of own threads; half of the cores unless told. */
  readonly threads?: number;
  /** Batches prepared before they are asked for; one more than there are threads unless told. */
  readonly ahead?: number;
}

/** How many batches an epoch has, before unreadable images are left out. */
export function batchCount(images: number, { batch, dropLast = false }: Pick<TrainingOptions, 'batch' | 'dropLast'>) {
  return dropLast ? Math.floor(images / batch) : Math.ceil(images / batch);
}

/**
 * Unreadable images are left out, so that their batch is smaller; a batch without any readable one is left out.
 *
 * @throws {SkeinError} 'corrupt' once more than 1 % of the images have turned out to be unreadable; 'invalid-argument'
 * where an option is off
 */
export async function* trainingBatches(
  dataset: Dataset,
  pre: Preprocessing,
  options: TrainingOptions,
): AsyncGenerator<TrainingBatch, void, undefined> {
  const { batch, epoch, seed = 0, augmentation = {}, from = 0 } = options;
  checkPreprocessing(pre);
  checkAugmentation(augmentation, pre.shape);
  checkWhole('batch', batch, 1);
  checkWhole('epoch', epoch, 0);
  checkWhole('from', from, 0);
  if (options.ahead !== undefined) checkWhole('ahead', options.ahead, 0);
  const sampler = options.sampler ?? shuffledSampler(dataset.size, seed);
  const order = sampler.order(epoch);
  const before = occurrences(order, dataset);
  const isCounted = variantsOf(augmentation) !== undefined;
  const pool = options.pool ?? new AugmentPool(options.threads === undefined ? {} : { threads: options.threads });

  const prepare = async (number: number): Promise<TrainingBatch> => {
    const places = Array.from(order.subarray(number * batch, (number + 1) * batch), (index, i) => ({
      index,
      keys: [seed, epoch, index, before[number * batch + i] as number],
    }));
    const pixels = await dataset.pixels(
      places.map(({ index }) => index),
      pre.shape,
    );
    const readable = places.flatMap(({ index, keys }) => {
      const image = pixels.get(index);
      return image === undefined ? [] : [{ index, pixels: image, keys }];
    });
    const data = readable.length === 0 ? new Float32Array(0) : await pool.augment(readable, pre, augmentation);
    const labels = Int32Array.from(readable, ({ index }) => dataset.label(index));
    return {
      data,
      labels,
      labels64: BigInt64Array.from(labels, BigInt),
      indices: Uint32Array.from(readable, ({ index }) => index),
      variants: isCounted
        ? Uint8Array.from(readable, ({ keys }) => variantOf(augmentation, new Random(seedOf(...keys))))
        : undefined,
      count: readable.length,
      number,
    };
  };

  const end = batchCount(order.length, options);
  const underWay: Promise<TrainingBatch>[] = [];
  let next = from;
  const fill = () => {
    while (next < end && underWay.length <= (options.ahead ?? pool.threads + 1)) {
      const prepared = prepare(next++);
      // It is awaited in its turn; a caller that stops early never awaits it.
      prepared.catch(() => {});
      underWay.push(prepared);
    }
  };
  try {
    for (fill(); underWay.length > 0; fill()) {
      const prepared = (await underWay.shift()) as TrainingBatch;
      fill();
      if (prepared.count === 0) continue;
      yield prepared;
      pool.recycle(prepared.data.buffer);
    }
  } finally {
    if (options.pool === undefined) await pool.close();
    else await recycleAll(underWay, pool);
  }
}

/** For each place of the order how often its image came before. */
function occurrences(order: Uint32Array, { size, source }: Dataset): Uint32Array {
  const counts = new Uint32Array(size);
  return order.map((index) => {
    if (index >= size) {
      throw new SkeinError('not-found', `Data '${source}': expected an image below ${size}, received ${index}`);
    }
    const count = counts[index] as number;
    counts[index] = count + 1;
    return count;
  });
}

async function recycleAll(underWay: readonly Promise<TrainingBatch>[], pool: AugmentPool): Promise<void> {
  for (const outcome of await Promise.allSettled(underWay)) {
    if (outcome.status === 'fulfilled') pool.recycle(outcome.value.data.buffer);
  }
}

function checkWhole(what: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new SkeinError(
    'invalid-argument',
    `Training batches: expected for ${what} a whole number from ${least}, received ${value}`,
  );
}
