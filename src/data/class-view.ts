/**
 * Labelled images as a classifier of some of their classes sees them: class 0 is every other class, 1 … m are its own. All
 * images stay, under the numbers that they have; how often each comes is the sampler's.
 */
import { createHash } from 'node:crypto';
import { SkeinError } from '../base/index.ts';
import type { Batch, BatchOptions, Dataset } from './dataset.ts';
import type { ImageShape, Preprocessing } from './preprocessing.ts';

/** What every class that is not its own is called, and where one of its own is called that. */
const OTHER = 'other';
const ALL_OTHERS = 'all others';

export class ClassView implements Dataset {
  readonly classNames: readonly string[];
  readonly labels: Int32Array;
  readonly #data: Dataset;
  readonly #order: Uint32Array | undefined;

  /**
   * @param classes of the data, in the order in which they shall be 1 … m
   * @param order which images come where a call does not say it, repeated or left out at will; all unless told
   * @throws {SkeinError} 'invalid-argument' for classes that the data does not have
   */
  constructor(data: Dataset, classes: readonly number[], order?: ArrayLike<number>) {
    const place = new Map(classes.map((c, i) => [c, i + 1]));
    const names = classes.map((c) => data.classNames[c]);
    if (names.includes(undefined) || place.size !== classes.length) {
      throw new SkeinError(
        'invalid-argument',
        `A view of '${data.source}' needs different classes from 0 to ${data.classNames.length - 1}, received ${classes.join(', ')}`,
      );
    }
    this.#data = data;
    this.#order = order && Uint32Array.from(order);
    const others = names.includes(OTHER) ? ALL_OTHERS : OTHER;
    this.classNames = [others, ...(names as string[])];
    this.labels = data.labels.map((label) => place.get(label) ?? 0);
  }

  get source(): string {
    return this.#data.source;
  }

  get split(): string | undefined {
    return this.#data.split;
  }

  get splits(): readonly string[] {
    return this.#data.splits;
  }

  get size(): number {
    return this.#data.size;
  }

  get skipped(): number {
    return this.#data.skipped;
  }

  get skippedNames(): readonly string[] {
    return this.#data.skippedNames;
  }

  label(i: number): number {
    return this.labels[i] ?? this.#data.label(i);
  }

  name(i: number): string {
    return this.#data.name(i);
  }

  encoded(i: number): Uint8Array | undefined {
    return this.#data.encoded(i);
  }

  async *batches(pre: Preprocessing, batchSize: number, options: BatchOptions = {}): AsyncGenerator<Batch> {
    const order = options.order ?? this.#order;
    for await (const batch of this.#data.batches(pre, batchSize, order === undefined ? {} : { order })) {
      yield { ...batch, labels: Int32Array.from(batch.indices, (i) => this.labels[i] as number) };
    }
  }

  pixels(indices: ArrayLike<number>, shape: ImageShape): Promise<ReadonlyMap<number, Uint8Array>> {
    return this.#data.pixels(indices, shape);
  }

  /** Of what it is a view of, too. */
  async digest(): Promise<string> {
    const hash = createHash('sha256')
      .update(await this.#data.digest())
      .update(this.labels);
    if (this.#order !== undefined) hash.update('order').update(this.#order);
    return hash.digest('hex');
  }

  /** What it is a view of stays open. */
  async close(): Promise<void> {}
}

/** How often an image of a class of its own is repeated at most. */
const MOST_REPEATS = 9;

/**
 * An order in which 'other' counts about as much as each own class, which a measurement on all images would not tell from
 * noise where own classes are rare: every image comes once, those of the own classes again and again.
 * @param labels of a view: 0 for what is other
 */
export function evenOrder(labels: Int32Array): Uint32Array {
  const own = Array.from(labels.keys()).filter((i) => labels[i] !== 0);
  const others = labels.length - own.length;
  const ofEach = own.length / new Set(own.map((i) => labels[i])).size;
  const repeats = own.length === 0 ? 1 : Math.min(MOST_REPEATS, Math.max(1, Math.round(others / ofEach)));
  return Uint32Array.from([...labels.keys()].flatMap((i) => Array(labels[i] === 0 ? 1 : repeats).fill(i)));
}
