/**
 * The load generator. Closed loop: every connection sends its next request when its answer is there. Open loop: requests
 * arrive at a rate whatever the server does, and latency counts from the moment when a request was due, so that a server
 * which stalls is charged for all who wait (no coordinated omission).
 */
import { SkeinError } from '../../base/index.ts';
import { monotonicMs, startArrivals } from './arrivals.ts';
import type { LoadConnection, Workload } from './load-connection.ts';
import { LoadRecorder, type LoadResult } from './load-recorder.ts';
import { MOST_WAITING } from './words.ts';

export interface LoadOptions {
  /** Requests on their way at most, each on its own connection. */
  readonly connections: number;
  /** Open loop with so many arrivals a second; closed loop where absent. */
  readonly rate?: number;
  /** Length of the window; 10 s unless told or `requests` is given. */
  readonly durationMs?: number;
  /** Exactly so many requests instead of a window; from the first of the workload on. */
  readonly requests?: number;
  /** Sent before, and not counted; 1 s unless told. */
  readonly warmupMs?: number;
  /** Of the arrivals; 0 unless told. */
  readonly seed?: number;
  /** A request without an answer after this has failed; 30 s unless told. */
  readonly timeoutMs?: number;
  /** Arrivals that may wait for a free connection; beyond it they fail. {@link MOST_WAITING} unless told. */
  readonly waiting?: number;
  readonly onProgress?: (progress: LoadProgress) => void;
  readonly signal?: AbortSignal;
}

export interface LoadProgress {
  /** Of the window, 0 to 1; 0 while warming up. */
  readonly done: number;
  readonly answered: number;
  readonly failed: number;
}

interface Slot {
  connection: LoadConnection;
  request: number;
  /** When the request was sent (closed loop) or due (open loop); undefined while the connection is free. */
  startMs: number | undefined;
  counted: boolean;
}

interface Arrival {
  readonly request: number;
  readonly dueMs: number;
  readonly counted: boolean;
}

const BACK_OFF_MS = 50;
const TICK_MS = 200;
const NO_ANSWER = 'no answer in time';

/**
 * Sends the requests of the workload in their order, over and over.
 * @throws SkeinError 'unavailable' if the server cannot be reached, 'invalid-argument' for options that make no sense
 */
export async function runLoad(workload: Workload, options: LoadOptions): Promise<LoadResult> {
  checkOptions(workload, options);
  const run = new LoadRun(workload, options);
  return run.result();
}

class LoadRun {
  readonly #workload: Workload;
  readonly #options: LoadOptions;
  readonly #slots: Slot[] = [];
  /** Free connections, and arrivals that found none: one of the two is empty. */
  readonly #free: Slot[] = [];
  #arrivals: Arrival[] = [];
  #firstArrival = 0;
  #next = 0;
  /** Requests of the window that were sent or are due. */
  #started = 0;
  #phase: 'warm-up' | 'window' | 'drain' | 'over' = 'warm-up';
  #recorder = new LoadRecorder(monotonicMs());
  #finished: () => void = () => {};

  constructor(workload: Workload, options: LoadOptions) {
    this.#workload = workload;
    this.#options = options;
  }

  async result(): Promise<LoadResult> {
    const { durationMs = 10_000, requests, warmupMs = 1000, signal } = this.#options;
    const windowMs = requests === undefined ? durationMs : undefined;
    const end = new Promise<void>((resolve) => {
      this.#finished = resolve;
    });
    let stopArrivals = () => {};
    const abort = () => this.#drain(true);
    const tick = setInterval(() => this.#tick(windowMs), TICK_MS);
    let timer: NodeJS.Timeout | undefined;
    try {
      await this.#connect();
      signal?.throwIfAborted();
      signal?.addEventListener('abort', abort);
      stopArrivals = await this.#startArrivals();
      const beginWindow = () => {
        this.#beginWindow();
        if (windowMs !== undefined) timer = setTimeout(() => this.#drain(false), windowMs);
      };
      if (warmupMs > 0) timer = setTimeout(beginWindow, warmupMs);
      else beginWindow();
      if (this.#options.rate === undefined) for (const slot of this.#slots) this.#sendNext(slot);
      await end;
      signal?.throwIfAborted();
      return this.#recorder.result(windowMs);
    } finally {
      this.#phase = 'over';
      signal?.removeEventListener('abort', abort);
      stopArrivals();
      clearInterval(tick);
      clearTimeout(timer);
      for (const { connection } of this.#slots) connection.close();
    }
  }

  async #connect(): Promise<void> {
    await Promise.all(
      Array.from({ length: this.#options.connections }, async () => {
        const slot: Partial<Slot> = { request: 0, startMs: undefined, counted: false };
        slot.connection = await this.#workload.connect((failure, topClass, lost) =>
          this.#answered(slot as Slot, failure, topClass, lost),
        );
        if (this.#phase === 'over') slot.connection.close();
        else this.#slots.push(slot as Slot);
      }),
    );
  }

  /** In an open loop; returns how to stop them. */
  async #startArrivals(): Promise<() => void> {
    const { rate, seed = 0 } = this.#options;
    if (rate === undefined) return () => {};
    this.#free.push(...this.#slots);
    const { stop } = await startArrivals({ ratePerSecond: rate, seed }, (dueMs) => {
      for (const due of dueMs) this.#arrive(due);
    });
    return stop;
  }

  #beginWindow(): void {
    this.#phase = 'window';
    this.#next = 0;
    this.#recorder = new LoadRecorder(monotonicMs());
  }

  /** No more requests; what is on its way is still waited for unless `now`. */
  #drain(now: boolean): void {
    if (this.#phase === 'over') return;
    this.#phase = 'drain';
    if (now || this.#recorder.answered === this.#started) this.#finished();
  }

  /** Takes the number of the next request; undefined when there shall be no more. */
  #take(): { request: number; counted: boolean } | undefined {
    if (this.#phase !== 'warm-up' && this.#phase !== 'window') return undefined;
    const request = this.#next % this.#workload.size;
    this.#next++;
    const counted = this.#phase === 'window';
    if (counted && ++this.#started === this.#options.requests) this.#phase = 'drain';
    return { request, counted };
  }

  #sendNext(slot: Slot): void {
    const taken = this.#take();
    if (taken === undefined) return;
    this.#send(slot, taken.request, monotonicMs(), taken.counted);
  }

  #arrive(dueMs: number): void {
    const taken = this.#take();
    if (taken === undefined) return;
    const slot = this.#free.pop();
    if (slot !== undefined) this.#send(slot, taken.request, dueMs, taken.counted);
    else if (this.#arrivals.length - this.#firstArrival < (this.#options.waiting ?? MOST_WAITING)) {
      this.#arrivals.push({ ...taken, dueMs });
    } else if (taken.counted) {
      this.#recorder.fail('too many requests waited for a free connection', monotonicMs());
      this.#checkEnd();
    }
  }

  #send(slot: Slot, request: number, startMs: number, counted: boolean): void {
    slot.request = request;
    slot.startMs = startMs;
    slot.counted = counted;
    slot.connection.send(request);
  }

  #answered(slot: Slot, failure: string | undefined, topClass: number | undefined, lost: boolean): void {
    const startMs = slot.startMs;
    if (startMs === undefined || this.#phase === 'over') return;
    slot.startMs = undefined;
    const now = monotonicMs();
    if (failure === undefined && this.#phase === 'window') this.#recorder.countInWindow();
    if (slot.counted) {
      if (failure === undefined) {
        this.#recorder.ok(now - startMs, now, topClass, this.#workload.labels?.[slot.request]);
      } else this.#recorder.fail(failure, now);
    }
    if (lost) setTimeout(() => this.#continue(slot), BACK_OFF_MS);
    else this.#continue(slot);
    this.#checkEnd();
  }

  #continue(slot: Slot): void {
    if (this.#phase === 'over') return;
    if (this.#options.rate === undefined) {
      this.#sendNext(slot);
      return;
    }
    const arrival = this.#takeWaiting();
    if (arrival === undefined) this.#free.push(slot);
    else this.#send(slot, arrival.request, arrival.dueMs, arrival.counted);
  }

  /** The arrival that has waited longest. */
  #takeWaiting(): Arrival | undefined {
    const arrival = this.#arrivals[this.#firstArrival];
    if (arrival === undefined) return undefined;
    this.#firstArrival++;
    if (this.#firstArrival === this.#arrivals.length) {
      this.#arrivals = [];
      this.#firstArrival = 0;
    }
    return arrival;
  }

  /** Nobody would wait any longer for the answers to arrivals that were due before `dueMs`: they are not even sent. */
  #giveUpWaiting(dueMs: number, now: number): void {
    while ((this.#arrivals[this.#firstArrival]?.dueMs ?? Number.POSITIVE_INFINITY) < dueMs) {
      if (this.#takeWaiting()?.counted === true) this.#recorder.fail(NO_ANSWER, now);
    }
    this.#checkEnd();
  }

  #checkEnd(): void {
    if (this.#phase === 'drain' && this.#recorder.answered === this.#started) this.#finished();
  }

  /** Gives up requests that take too long, and tells of the progress. */
  #tick(windowMs: number | undefined): void {
    const { timeoutMs = 30_000, requests = 1, onProgress } = this.#options;
    const now = monotonicMs();
    for (const slot of this.#slots) {
      if (slot.startMs !== undefined && now - slot.startMs > timeoutMs) slot.connection.abort(NO_ANSWER);
    }
    this.#giveUpWaiting(now - timeoutMs, now);
    const { answered, failed, startMs } = this.#recorder;
    const done = windowMs === undefined ? answered / requests : (now - startMs) / windowMs;
    onProgress?.({ done: this.#phase === 'warm-up' ? 0 : Math.min(done, 1), answered, failed });
  }
}

function checkOptions(workload: Workload, options: LoadOptions): void {
  const positive = {
    connections: options.connections,
    requests: options.requests,
    'size of the workload': workload.size,
  };
  for (const [name, value] of Object.entries(positive)) {
    if (value !== undefined && !(Number.isInteger(value) && value >= 1)) {
      throw new SkeinError('invalid-argument', `Load: ${name} must be a whole number from 1, received ${value}`);
    }
  }
  if (options.durationMs !== undefined && !(options.durationMs > 0)) {
    throw new SkeinError('invalid-argument', `Load: duration must be above 0 ms, received ${options.durationMs}`);
  }
}
