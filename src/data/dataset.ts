/**
 * Labelled images as evaluation, calibration, training and load generators use them. Images are decoded on threads when
 * they are first asked for and then kept as pixels; the next batch is prepared while the caller works on this one.
 */
import { messageOf, SkeinError } from '../base/index.ts';
import { contentDigest } from './content-digest.ts';
import { resizePixels } from './decode-image.ts';
import { DecodePool } from './decode-pool.ts';
import { PixelCache } from './pixel-cache.ts';
import {
  checkImageShape,
  type ImageShape,
  normalizationTables,
  normalizeInto,
  type Preprocessing,
  pixelCount,
} from './preprocessing.ts';
import type { Examples, ImageFiles } from './source.ts';

export interface Batch {
  /** count × C×H×W normalised numbers; the caller may keep, change or transfer them. */
  readonly data: Float32Array;
  readonly labels: Int32Array;
  /** Which images of the set these are: all that were due but the unreadable ones. */
  readonly indices: Uint32Array;
  readonly count: number;
  /** Where in the order the batch began. */
  readonly first: number;
}

export interface BatchOptions {
  /** Indices in the order in which they shall come, repeated or left out at will; 0 to size - 1 unless told. */
  readonly order?: ArrayLike<number>;
}

export interface Dataset {
  readonly source: string;
  readonly split: string | undefined;
  readonly splits: readonly string[];
  readonly classNames: readonly string[];
  /** Images, unreadable ones included. */
  readonly size: number;
  readonly labels: Int32Array;
  /** Images found unreadable so far; {@link batches} leaves them out. */
  readonly skipped: number;
  /** The names of the first few of them. */
  readonly skippedNames: readonly string[];
  label(i: number): number;
  /** What to call image i in messages. */
  name(i: number): string;
  /** Image i's file as it is; undefined where the source has pixels and no files. */
  encoded(i: number): Uint8Array | undefined;
  /**
   * The images in batches, the last one smaller. A batch of which no image is readable is left out.
   *
   * @throws {SkeinError} 'corrupt' once more than 1 % of the images have turned out to be unreadable
   */
  batches(pre: Preprocessing, batchSize: number, options?: BatchOptions): AsyncIterable<Batch>;
  /**
   * C×H×W bytes of every readable one of these images, decoded where that was not done before. They may be the cache's: not
   * to be changed, nor transferred.
   *
   * @throws {SkeinError} as {@link batches}
   */
  pixels(indices: ArrayLike<number>, shape: ImageShape): Promise<ReadonlyMap<number, Uint8Array>>;
  /** Of labels and images, to tell whether they are those of another time; see `contentDigest`. */
  digest(): Promise<string>;
  close(): Promise<void>;
}

export interface DatasetOptions {
  readonly source: string;
  readonly split: string | undefined;
  readonly splits: readonly string[];
  readonly threads?: number;
  /** Pixels kept in memory at most, for each shape asked for; 1 GiB unless told. */
  readonly cacheBytes?: number;
}

const CACHE_BYTES = 2 ** 30;
const MOST_SKIPPED = 0.01;
const NAMES_KEPT = 5;

export class LoadedDataset implements Dataset {
  readonly source: string;
  readonly split: string | undefined;
  readonly splits: readonly string[];
  readonly #examples: Examples;
  readonly #options: DatasetOptions;
  readonly #caches = new Map<string, PixelCache>();
  readonly #unreadable = new Map<number, string>();
  #pool: DecodePool | undefined;

  constructor(examples: Examples, options: DatasetOptions) {
    this.source = options.source;
    this.split = options.split;
    this.splits = options.splits;
    this.#examples = examples;
    this.#options = options;
  }

  get classNames(): readonly string[] {
    return this.#examples.classNames;
  }

  get labels(): Int32Array {
    return this.#examples.labels;
  }

  get size(): number {
    return this.#examples.labels.length;
  }

  get skipped(): number {
    return this.#unreadable.size;
  }

  get skippedNames(): readonly string[] {
    return [...this.#unreadable.keys()].slice(0, NAMES_KEPT).map((i) => this.name(i));
  }

  label(i: number): number {
    return this.#examples.labels[this.#checked(i)] as number;
  }

  name(i: number): string {
    return this.#examples.name(this.#checked(i));
  }

  encoded(i: number): Uint8Array | undefined {
    const { images } = this.#examples;
    return images.kind === 'files' ? images.bytes(this.#checked(i)) : undefined;
  }

  async *batches(pre: Preprocessing, batchSize: number, options: BatchOptions = {}): AsyncGenerator<Batch> {
    const tables = normalizationTables(pre);
    if (!Number.isInteger(batchSize) || batchSize < 1) {
      throw new SkeinError('invalid-argument', `Batch size: expected a whole number from 1, received ${batchSize}`);
    }
    const order = Uint32Array.from(options.order ?? { length: this.size }, (index, i) => this.#checked(index ?? i));
    const load = async (first: number) => {
      // The caller comes first: it starts its work on the batch at hand before this thread goes on to the next.
      if (first > 0) await new Promise((resume) => setImmediate(resume));
      return this.#load(order.subarray(first, first + batchSize), first, pre, tables);
    };
    let next = order.length > 0 ? load(0) : undefined;
    for (let first = batchSize; next !== undefined; first += batchSize) {
      const batch: Batch = await next;
      next = first < order.length ? load(first) : undefined;
      // A caller that stops early never awaits the batch prepared for it.
      next?.catch(() => {});
      if (batch.count > 0) yield batch;
    }
  }

  async pixels(indices: ArrayLike<number>, shape: ImageShape): Promise<ReadonlyMap<number, Uint8Array>> {
    checkImageShape(shape);
    return this.#pixels(
      Uint32Array.from(indices, (index) => this.#checked(index)),
      shape,
    );
  }

  digest(): Promise<string> {
    return contentDigest(this.#examples);
  }

  async close(): Promise<void> {
    await Promise.all([this.#pool?.close(), this.#examples.close?.()]);
  }

  async #load(indices: Uint32Array, first: number, pre: Preprocessing, tables: Float32Array): Promise<Batch> {
    const pixels = await this.#pixels(indices, pre.shape);
    const readable = indices.filter((index) => pixels.has(index));
    const size = pixelCount(pre.shape);
    const data = new Float32Array(readable.length * size);
    for (const [row, index] of readable.entries()) {
      normalizeInto(pixels.get(index) as Uint8Array, tables, pre.shape, data, row * size);
    }
    const labels = Int32Array.from(readable, (index) => this.#examples.labels[index] as number);
    return { data, labels, indices: readable, count: readable.length, first };
  }

  /** C×H×W bytes of every readable one of these images. */
  async #pixels(indices: Uint32Array, shape: ImageShape): Promise<Map<number, Uint8Array>> {
    const cache = this.#cacheFor(shape);
    const pixels = new Map<number, Uint8Array>();
    const missing: number[] = [];
    for (const index of new Set(indices)) {
      const cached = cache.get(index);
      if (cached !== undefined) pixels.set(index, cached);
      else if (!this.#unreadable.has(index)) missing.push(index);
    }
    const { images } = this.#examples;
    if (images.kind === 'files') await this.#decode(images, missing, shape, pixels);
    else {
      const same = images.shape.every((side, i) => side === shape[i]);
      const made = missing.length === 0 ? undefined : await images.make?.(missing);
      for (const [i, index] of missing.entries()) {
        const own = made?.[i] ?? images.pixels(index);
        pixels.set(index, same ? own : await resizePixels(own, images.shape, shape));
      }
    }
    for (const index of missing) {
      const fresh = pixels.get(index);
      if (fresh !== undefined) cache.set(index, fresh);
    }
    return pixels;
  }

  async #decode(
    images: ImageFiles,
    indices: readonly number[],
    shape: ImageShape,
    pixels: Map<number, Uint8Array>,
  ): Promise<void> {
    if (indices.length === 0) return;
    const files = await Promise.all(
      indices.map((index) => images.read(index).catch((error: unknown) => this.#skip(index, messageOf(error)))),
    );
    const read = indices.filter((_, i) => files[i] !== undefined);
    this.#pool ??= new DecodePool(this.#options.threads === undefined ? {} : { threads: this.#options.threads });
    const decoded = await this.#pool.decodePixels(
      files.filter((file) => file !== undefined),
      shape,
    );
    const size = pixelCount(shape);
    for (const [i, index] of read.entries()) {
      const error = decoded.errors[i];
      if (error === undefined) pixels.set(index, decoded.data.subarray(i * size, (i + 1) * size));
      else this.#skip(index, error);
    }
  }

  #skip(index: number, reason: string): undefined {
    this.#unreadable.set(index, reason);
    if (this.#unreadable.size <= this.size * MOST_SKIPPED) return;
    const [worst] = this.#unreadable;
    throw new SkeinError(
      'corrupt',
      `Cannot use data '${this.source}': expected at most 1 % unreadable images, found ${this.#unreadable.size} of ${this.size}, the first '${this.name(worst?.[0] ?? index)}': ${worst?.[1]}`,
    );
  }

  #cacheFor(shape: ImageShape): PixelCache {
    const key = shape.join('x');
    let cache = this.#caches.get(key);
    if (cache === undefined) {
      cache = new PixelCache(this.size, pixelCount(shape), this.#options.cacheBytes ?? CACHE_BYTES);
      this.#caches.set(key, cache);
    }
    return cache;
  }

  #checked(index: number): number {
    if (Number.isInteger(index) && index >= 0 && index < this.size) return index;
    throw new SkeinError('not-found', `Data '${this.source}': expected an image below ${this.size}, received ${index}`);
  }
}
