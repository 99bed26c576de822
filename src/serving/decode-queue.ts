/**
 * Image files on their way to rows, for all models of the server: one queue before the decoding threads, in the order of
 * priority, deadline and arrival. A lone image goes to a thread at once; while all threads are busy, images gather, and
 * the next message takes several, since for a small image the way there and back costs as much as the decoding. A request
 * of many images goes in several messages, between which others have their turn. Who is too late or has gone is dropped
 * before anything more is decoded.
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

/** Images of one message at most: so long does a thread stay with one request while another's waits. */
const MESSAGE_IMAGES = 16;

interface Waiting extends QueueEntry {
  readonly files: readonly Uint8Array[];
  readonly preprocessing: Preprocessing;
  readonly signal: Cancellation | undefined;
  readonly resolve: (data: Float32Array) => void;
  readonly reject: (error: SkeinError) => void;
  /** Images that have been sent to a thread, and those that have come back. */
  sent: number;
  done: number;
  /** Where the rows of several messages are put together. */
  rows: Float32Array | undefined;
  failed: boolean;
}

/** Neighbouring images of one request in a message. */
interface Part {
  readonly request: Waiting;
  readonly first: number;
  readonly count: number;
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
   * @throws SkeinError 'invalid-argument' naming a file that is no readable image, 'cancelled',
   * 'deadline-exceeded'
   */
  decode(
    files: readonly Uint8Array[],
    preprocessing: Preprocessing,
    context: PredictContext = {},
  ): Promise<Float32Array> {
    return new Promise((resolve, reject) => {
      const { priority = DEFAULT_PRIORITY, deadline = Number.POSITIVE_INFINITY, signal } = context;
      const progress = { sent: 0, done: 0, rows: undefined, failed: false };
      this.#queue.push({ files, preprocessing, priority, deadline, signal, resolve, reject, ...progress });
      this.#pump();
    });
  }

  #pump(): void {
    while (this.#busy < this.#decoder.threads && this.#queue.length > 0) {
      const parts: Part[] = [];
      let images = 0;
      for (;;) {
        const request = this.#queue.peek();
        // Rows of one message are prepared alike; another model's wait for the next message.
        if (request === undefined || (parts[0] && request.preprocessing !== parts[0].request.preprocessing)) break;
        const count = Math.min(request.files.length - request.sent, MESSAGE_IMAGES);
        if (parts.length > 0 && images + count > MESSAGE_IMAGES) break;
        this.#queue.pop();
        if (request.failed) continue;
        const lapse = this.#lapse(request);
        if (lapse !== undefined) {
          fail(request, lapse);
          continue;
        }
        parts.push({ request, first: request.sent, count });
        images += count;
        request.sent += count;
      }
      // What is left of a request arrives anew: behind its equals that wait.
      for (const { request } of parts) if (request.sent < request.files.length) this.#queue.push(request);
      if (parts.length > 0) void this.#run(parts);
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

  async #run(parts: readonly Part[]): Promise<void> {
    this.#busy++;
    try {
      const { preprocessing } = (parts[0] as Part).request;
      const files = parts.flatMap(({ request, first, count }) => request.files.slice(first, first + count));
      const { data, errors } = await this.#decoder.decode(files, preprocessing);
      const rowSize = data.length / files.length;
      let at = 0;
      for (const part of parts) {
        finish(part, data.subarray(at * rowSize, (at + part.count) * rowSize), errors.slice(at, at + part.count));
        at += part.count;
      }
    } catch (error) {
      for (const { request } of parts) fail(request, asSkeinError(error, 'internal'));
    } finally {
      this.#busy--;
      this.#pump();
    }
  }
}

function finish({ request, first, count }: Part, rows: Float32Array, errors: readonly (string | undefined)[]): void {
  const { files } = request;
  const wrong = errors.findIndex((error) => error !== undefined);
  if (wrong >= 0) {
    const which = files.length > 1 ? `Image ${first + wrong}: ` : '';
    fail(request, new SkeinError('invalid-argument', `${which}${errors[wrong]}`));
  }
  if (request.failed) return;
  request.done += count;
  if (count < files.length) {
    const rowSize = rows.length / count;
    request.rows ??= new Float32Array(files.length * rowSize);
    request.rows.set(rows, first * rowSize);
  }
  if (request.done === files.length) request.resolve(request.rows ?? rows);
}

/** What else of it is at a thread comes back for nothing; what waits is not sent. */
function fail(request: Waiting, error: SkeinError): void {
  request.failed = true;
  request.reject(error);
}
