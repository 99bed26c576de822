/**
 * Image files on their way to rows. A lone image goes to a thread at once; while all threads are busy, images gather, and
 * the next message takes many, since for a small image the way there and back costs as much as the decoding.
 */
import { type Cancellation, SkeinError } from '../base/index.ts';
import type { Preprocessing } from '../data/index.ts';

/** What the queue needs of `DecodePool` in data/. */
export interface ImageDecoder {
  readonly threads: number;
  decode(
    images: readonly Uint8Array[],
    preprocessing: Preprocessing,
  ): Promise<{ readonly data: Float32Array; readonly errors: readonly (string | undefined)[] }>;
}

/** Images of one message at most, so that threads finish at about the same time. */
const MAX_IMAGES = 16;

interface Waiting {
  readonly files: readonly Uint8Array[];
  readonly signal: Cancellation | undefined;
  readonly resolve: (data: Float32Array) => void;
  readonly reject: (error: SkeinError) => void;
}

/** Decodes for one model, whose preprocessing all its images share. */
export class DecodeQueue {
  readonly #decoder: ImageDecoder;
  readonly #preprocessing: Preprocessing;
  readonly #rowSize: number;
  readonly #waiting: Waiting[] = [];
  #busy = 0;

  constructor(decoder: ImageDecoder, preprocessing: Preprocessing) {
    this.#decoder = decoder;
    this.#preprocessing = preprocessing;
    const [channels, height, width] = preprocessing.shape;
    this.#rowSize = channels * height * width;
  }

  /**
   * The rows of all files, in their order.
   * @throws SkeinError 'invalid-argument' naming the first file that is no readable image, 'cancelled'
   */
  decode(files: readonly Uint8Array[], signal?: Cancellation): Promise<Float32Array> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ files, signal, resolve, reject });
      this.#pump();
    });
  }

  #pump(): void {
    while (this.#busy < this.#decoder.threads && this.#waiting.length > 0) {
      const taken: Waiting[] = [];
      let images = 0;
      while (this.#waiting.length > 0 && (taken.length === 0 || images < MAX_IMAGES)) {
        const next = this.#waiting.shift() as Waiting;
        if (next.signal?.aborted) {
          next.reject(new SkeinError('cancelled', 'The client went away before its image was decoded'));
          continue;
        }
        taken.push(next);
        images += next.files.length;
      }
      if (taken.length > 0) void this.#run(taken);
    }
  }

  async #run(taken: readonly Waiting[]): Promise<void> {
    this.#busy++;
    try {
      const { data, errors } = await this.#decoder.decode(
        taken.flatMap(({ files }) => files),
        this.#preprocessing,
      );
      let first = 0;
      for (const { files, resolve, reject } of taken) {
        const wrong = errors.slice(first, first + files.length).findIndex((error) => error !== undefined);
        if (wrong < 0) resolve(data.subarray(first * this.#rowSize, (first + files.length) * this.#rowSize));
        else {
          const which = files.length > 1 ? `Image ${wrong}: ` : '';
          reject(new SkeinError('invalid-argument', `${which}${errors[first + wrong]}`));
        }
        first += files.length;
      }
    } catch (error) {
      const failure = error instanceof SkeinError ? error : new SkeinError('internal', String(error), { cause: error });
      for (const { reject } of taken) reject(failure);
    } finally {
      this.#busy--;
      this.#pump();
    }
  }
}
