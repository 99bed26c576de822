/**
 * Threads that turn image files into what a model takes, for the server and for data sets. One message goes there and
 * one comes back; a larger batch is shared out among the threads.
 */
import { availableParallelism } from 'node:os';
import { type Job, SkeinError, WorkerPool } from '../base/index.ts';
import type { DecodeJob, DecodeResult } from './decode-worker.ts';
import {
  checkImageShape,
  checkPreprocessing,
  type ImageShape,
  type Preprocessing,
  pixelCount,
} from './preprocessing.ts';

export interface DecodePoolOptions {
  /** One a core unless told. */
  readonly threads?: number;
  /** Told of each thread that died, for logs and metrics. */
  readonly onDeath?: (reason: string) => void;
}

interface Decoded<Data> {
  /** Images × C×H×W; zeros where an image could not be decoded. */
  readonly data: Data;
  /** For each image why it could not be decoded: `Cannot decode image: …`. */
  readonly errors: (string | undefined)[];
}

export type DecodedBatch = Decoded<Float32Array>;
export type DecodedPixels = Decoded<Uint8Array>;

/** Below this many images and bytes a share is not worth another message to another thread. */
const SHARE_IMAGES = 16;
const SHARE_BYTES = 64 * 1024;

export class DecodePool {
  readonly #pool: WorkerPool<DecodeJob, DecodeResult>;

  constructor(options: DecodePoolOptions = {}) {
    this.#pool = new WorkerPool({
      name: 'decode',
      script: new URL('./decode-worker.js', import.meta.url),
      size: options.threads ?? availableParallelism(),
      ...(options.onDeath === undefined ? {} : { onDeath: options.onDeath }),
    });
  }

  get threads(): number {
    return this.#pool.size;
  }

  /** Shares of batches that wait for a thread. */
  get queued(): number {
    return this.#pool.queued;
  }

  /**
   * Image files to normalised numbers. One bad image fails alone (see `errors`). The bytes are copied, not moved, so
   * that a request survives the death of its thread and the caller's buffer stays whole.
   */
  async decode(images: readonly Uint8Array[], pre: Preprocessing): Promise<DecodedBatch> {
    checkPreprocessing(pre);
    const { shape, mean, std } = pre;
    return this.#shareOut(images, { shape, mean, std }, (length) => new Float32Array(length));
  }

  /** Image files to C×H×W bytes, scaled and cropped as `decodeInto` says. */
  async decodePixels(images: readonly Uint8Array[], shape: ImageShape): Promise<DecodedPixels> {
    checkImageShape(shape);
    return this.#shareOut(images, { shape }, (length) => new Uint8Array(length));
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }

  async #shareOut<Data extends Float32Array | Uint8Array>(
    images: readonly Uint8Array[],
    want: DecodeJob['want'],
    allocate: (length: number) => Data,
  ): Promise<Decoded<Data>> {
    if (images.length === 0) return { data: allocate(0), errors: [] };
    const shares = this.#shares(images);
    const results = await Promise.all(shares.map((share) => this.#pool.run(() => pack(share, want))));
    const [first] = results;
    if (first === undefined) throw new SkeinError('internal', 'Decoding: expected at least one share, received none');
    // Which of the two types a thread answers with follows from `want`.
    if (results.length === 1) return first as Decoded<Data>;
    const size = pixelCount(want.shape);
    const data = allocate(images.length * size);
    let offset = 0;
    for (const result of results) {
      data.set(result.data, offset);
      offset += result.data.length;
    }
    return { data, errors: results.flatMap((result) => result.errors) };
  }

  /** Runs of neighbouring images, at most one a thread. */
  #shares(images: readonly Uint8Array[]): Uint8Array[][] {
    const bytes = images.reduce((sum, image) => sum + image.length, 0);
    const worth = Math.max(Math.ceil(images.length / SHARE_IMAGES), Math.ceil(bytes / SHARE_BYTES));
    const count = Math.min(this.threads, images.length, worth);
    return Array.from({ length: count }, (_, i) =>
      images.slice(Math.floor((i * images.length) / count), Math.floor(((i + 1) * images.length) / count)),
    );
  }
}

function pack(images: readonly Uint8Array[], want: DecodeJob['want']): Job<DecodeJob> {
  const ends: number[] = [];
  let length = 0;
  for (const image of images) {
    length += image.length;
    ends.push(length);
  }
  const packed = new Uint8Array(length);
  for (const [i, image] of images.entries()) packed.set(image, i === 0 ? 0 : ends[i - 1]);
  return { message: { packed, ends, want }, transfer: [packed.buffer] };
}
