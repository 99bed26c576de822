/**
 * Image files on their way to rows, for all models of the server: one queue before the decoding threads, in the order of
 * priority, deadline and arrival. A lone image goes to a thread at once; while all threads are busy, images gather, and
 * the next message takes several, since for a small image the way there and back costs as much as the decoding. Who is
 * too late or has gone is dropped before anything is decoded.
 */
import { asSkeinError, type Cancellation, type Clock, SkeinError } from '../base/index.ts';
import type { Preprocessing } from '../data/index.ts';
import type { PredictContext } from '../plan/index.ts';
import { type QueueEntry, RequestQueue } from '../scheduling/index.ts';
import { DEFAULT_PRIORITY } from './batch-queue.ts';

/** What the queue needs of `DecodePool` in data/. */
export interface ImageDecoder {
  readonly threads: number;
  decode(
    images: readonly Uint8Array[],
    preprocessing: Preprocessing,
  ): Promise<{ readonly data: Float32Array; readonly errors: readonly (string | undefined)[] }>;
}

/** A message takes further requests until it has so many images, so that threads finish at about the same time. */
const ENOUGH_IMAGES = 16;

interface Waiting extends QueueEntry {
  readonly files: readonly Uint8Array[];
  readonly preprocessing: Preprocessing;
  readonly signal: Cancellation | undefined;
  readonly resolve: (data: Float32Array) => void;
  readonly reject: (error: SkeinError) => void;
}

export class DecodeQueue {
  readonly #decoder: ImageDecoder;
  readonly #clock: Clock;
  readonly #queue = new RequestQueue<Waiting>();
  #busy = 0;

  constructor(decoder: ImageDecoder, clock: Clock) {
    this.#decoder = decoder;
    this.#clock = clock;
  }

  /**
   * The rows of all files, in their order.
   * @throws SkeinError 'invalid-argument' naming the first file that is no readable image, 'cancelled',
   * 'deadline-exceeded'
   */
  decode(
    files: readonly Uint8Array[],
    preprocessing: Preprocessing,
    context: PredictContext = {},
  ): Promise<Float32Array> {
    return new Promise((resolve, reject) => {
      const { priority = DEFAULT_PRIORITY, deadline = Number.POSITIVE_INFINITY, signal } = context;
      this.#queue.push({ files, preprocessing, priority, deadline, signal, resolve, reject });
      this.#pump();
    });
  }

  #pump(): void {
    while (this.#busy < this.#decoder.threads && this.#queue.length > 0) {
      const taken: Waiting[] = [];
      let images = 0;
      for (;;) {
        const next = this.#queue.peek();
        // Rows of one message are prepared alike; another model's wait for the next message.
        if (next === undefined || (taken.length > 0 && next.preprocessing !== taken[0]?.preprocessing)) break;
        if (taken.length > 0 && images + next.files.length > ENOUGH_IMAGES) break;
        this.#queue.pop();
        const lapse = this.#lapse(next);
        if (lapse === undefined) {
          taken.push(next);
          images += next.files.length;
        } else next.reject(lapse);
      }
      if (taken.length > 0) void this.#run(taken);
    }
  }

  #lapse({ deadline, signal }: Waiting): SkeinError | undefined {
    if (signal?.aborted) return new SkeinError('cancelled', 'The client went away before its image was decoded');
    const late = this.#clock.now() - deadline;
    if (late <= 0) return undefined;
    return new SkeinError(
      'deadline-exceeded',
      `The deadline passed ${late.toFixed(1)} ms ago, before the image was decoded`,
    );
  }

  async #run(taken: readonly Waiting[]): Promise<void> {
    this.#busy++;
    try {
      const { preprocessing } = taken[0] as Waiting;
      const files = taken.flatMap((request) => request.files);
      const { data, errors } = await this.#decoder.decode(files, preprocessing);
      const rowSize = data.length / files.length;
      let first = 0;
      for (const request of taken) {
        const last = first + request.files.length;
        const wrong = errors.slice(first, last).findIndex((error) => error !== undefined);
        if (wrong < 0) request.resolve(data.subarray(first * rowSize, last * rowSize));
        else {
          const which = request.files.length > 1 ? `Image ${wrong}: ` : '';
          request.reject(new SkeinError('invalid-argument', `${which}${errors[first + wrong]}`));
        }
        first = last;
      }
    } catch (error) {
      for (const { reject } of taken) reject(asSkeinError(error, 'internal'));
    } finally {
      this.#busy--;
      this.#pump();
    }
  }
}
