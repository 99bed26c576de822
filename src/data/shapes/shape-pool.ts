/** Threads that draw shapes, started with the first images that are asked for. */
import { availableParallelism } from 'node:os';
import { WorkerPool } from '../../base/index.ts';
import { SHAPE_SIDE } from './draw-shape.ts';
import type { ShapeSet } from './shape-set.ts';
import type { ShapeJob, ShapeResult } from './shape-worker.ts';

/** Below this many images a share is not worth another message to another thread. */
const SHARE_IMAGES = 16;
const IMAGE_BYTES = 3 * SHAPE_SIDE * SHAPE_SIDE;

export class ShapePool {
  readonly #threads: number;
  #pool: WorkerPool<ShapeJob, ShapeResult> | undefined;

  /** @param threads one a core unless told */
  constructor(threads = availableParallelism()) {
    this.#threads = threads;
  }

  /** @returns 3×32×32 bytes for each of these images, in this order */
  async draw(set: ShapeSet, indices: readonly number[], labels: readonly number[]): Promise<Uint8Array[]> {
    if (indices.length === 0) return [];
    this.#pool ??= new WorkerPool({
      name: 'draw',
      script: new URL('./shape-worker.js', import.meta.url),
      size: this.#threads,
    });
    const pool = this.#pool;
    const count = Math.min(this.#threads, Math.ceil(indices.length / SHARE_IMAGES));
    const shares = Array.from({ length: count }, (_, i) => {
      const from = Math.floor((i * indices.length) / count);
      const end = Math.floor(((i + 1) * indices.length) / count);
      const message = { set, indices: indices.slice(from, end), labels: labels.slice(from, end) };
      return pool.run(() => ({ message }));
    });
    return (await Promise.all(shares)).flatMap((images) =>
      Array.from({ length: images.length / IMAGE_BYTES }, (_, i) =>
        images.subarray(i * IMAGE_BYTES, (i + 1) * IMAGE_BYTES),
      ),
    );
  }

  async close(): Promise<void> {
    await this.#pool?.close();
  }
}
