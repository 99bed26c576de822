/** The images a second that a predictor answers when it is never without work, at the batch size that suits it best. */
import type { ImageBatch, Predictor } from './predictor.ts';

export interface Throughput {
  /** Images a second. */
  readonly throughput: number;
  /** The batch size at which that was. */
  readonly batch: number;
}

const BATCH_SIZES = [1, 2, 4, 8, 16, 32, 64];
const MEASURE_MS = 300;
/** A size so much slower than the best ends the search. */
const WORSE = 0.7;

/**
 * @param workers threads that compute; one batch each and one that waits keep them busy
 * @param measureMs milliseconds at each batch size, after a fifth of that to warm up
 */
export async function measureThroughput(
  predictor: Predictor,
  images: ImageBatch,
  workers: number,
  measureMs = MEASURE_MS,
): Promise<Throughput> {
  let best: Throughput = { throughput: 0, batch: 1 };
  for (const batch of BATCH_SIZES) {
    await keepBusy(predictor, images, batch, workers + 1, measureMs / 5);
    const throughput = await keepBusy(predictor, images, batch, workers + 1, measureMs);
    if (throughput > best.throughput) best = { throughput, batch };
    // Beyond the caches it only becomes worse, and the longest batches take the longest to measure.
    if (throughput < WORSE * best.throughput) break;
  }
  return best;
}

/** Images a second over at least `ms`, and at least two batches for each of those at once. */
async function keepBusy(
  predictor: Predictor,
  images: ImageBatch,
  batch: number,
  atOnce: number,
  ms: number,
): Promise<number> {
  const size = images.data.length / images.count;
  const batches: ImageBatch[] = [];
  for (let first = 0; batches.length === 0 || first + batch <= images.count; first += batch) {
    const data = new Float32Array(batch * size);
    for (let row = 0; row < batch; row++) {
      const source = ((first + row) % images.count) * size;
      data.set(images.data.subarray(source, source + size), row * size);
    }
    batches.push({ count: batch, data });
  }
  let next = 0;
  let answered = 0;
  const start = performance.now();
  const ask = async () => {
    for (let asked = 0; asked < 2 || performance.now() - start < ms; asked++) {
      await predictor.predict(batches[next++ % batches.length] as ImageBatch);
      answered += batch;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, ask));
  return (answered * 1000) / (performance.now() - start);
}
