/**
 * Threads that vary and normalise training images, a batch at a time. Buffers travel there and back and are used again.
 */
import { availableParallelism } from 'node:os';
import { BufferPool, type Job, WorkerPool } from '../../base/index.ts';
import { type Preprocessing, pixelCount } from '../preprocessing.ts';
import type { AugmentJob, AugmentResult } from './augment-worker.ts';
import type { Augmentation } from './augmentation.ts';

export interface AugmentPoolOptions {
  /** Half of the cores unless told, as training itself needs them. */
  readonly threads?: number;
  /** Told of each thread that died, for logs. */
  readonly onDeath?: (reason: string) => void;
}

export interface ImageToAugment {
  /** C×H×W bytes. */
  readonly pixels: Uint8Array;
  /** What its variation follows from, with whatever the other images of the batch are. */
  readonly keys: readonly number[];
}

export class AugmentPool {
  readonly #pool: WorkerPool<AugmentJob, AugmentResult>;
  readonly #buffers = new BufferPool(256 * 1024 * 1024);

  constructor(options: AugmentPoolOptions = {}) {
    this.#pool = new WorkerPool({
      name: 'augment',
      script: new URL('./augment-worker.js', import.meta.url),
      size: options.threads ?? Math.max(1, Math.floor(availableParallelism() / 2)),
      // A caller that blocks its thread, as a training step may, shall not keep a thread waiting.
      ahead: 1,
      ...(options.onDeath === undefined ? {} : { onDeath: options.onDeath }),
    });
  }

  get threads(): number {
    return this.#pool.size;
  }

  /** @returns images × C×H×W numbers, whose buffer may be given back with {@link recycle} */
  async augment(
    images: readonly ImageToAugment[],
    pre: Preprocessing,
    augmentation: Augmentation,
  ): Promise<Float32Array<ArrayBuffer>> {
    const { pixels, data } = await this.#pool.run(() => this.#pack(images, pre, augmentation));
    this.recycle(pixels.buffer);
    return data;
  }

  /** A buffer that nobody reads any more; one that was transferred away is ignored. */
  recycle(buffer: ArrayBuffer): void {
    this.#buffers.give(buffer);
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }

  #pack(images: readonly ImageToAugment[], pre: Preprocessing, augmentation: Augmentation): Job<AugmentJob> {
    const size = pixelCount(pre.shape);
    const pixels = this.#buffers.uint8(images.length * size);
    for (const [row, image] of images.entries()) pixels.set(image.pixels, row * size);
    const data = this.#buffers.float32(images.length * size);
    const { shape, mean, std } = pre;
    return {
      message: { pixels, data, keys: images.map(({ keys }) => keys), pre: { shape, mean, std }, augmentation },
      transfer: [pixels.buffer, data.buffer],
    };
  }
}
