/**
 * A fixed number of worker threads that answer jobs: one at a time each, first come first served. With `ahead` the busy
 * thread that should be free first is given its next jobs already, so that it need not wait between two. A thread that dies is
 * replaced; the job that it was at is tried once more elsewhere and then fails with 'unavailable', so nothing hangs.
 *
 * What a thread must hold between jobs (a session, say) is *installed*: sent to every thread, and sent again to each
 * replacement before that answers anything. The thread's side is `answerJobs` in worker-thread.ts.
 */
import { type Transferable, Worker } from 'node:worker_threads';
import { asSkeinError, messageOf, SkeinError } from './errors.ts';

export interface Job<Message> {
  readonly message: Message;
  /** Buffers that move to the thread instead of being copied; they are empty here afterwards. */
  readonly transfer?: readonly Transferable[];
}

export interface WorkerPoolOptions {
  /** What the threads do, for messages: 'inference', 'decode'. */
  readonly name: string;
  /** The compiled script that calls `answerJobs`. */
  readonly script: URL;
  readonly size: number;
  readonly workerData?: unknown;
  /** Jobs that a busy thread is given besides the one that it is at; 0 unless told. */
  readonly ahead?: number;
  /**
   * Milliseconds after which a thread that is told to end, and is still at a job, is ended by force; 10,000 unless told. Less
   * is for threads that never are in native code, see `end`.
   */
  readonly graceMs?: number;
  /** Told of each thread that died, for logs and metrics. */
  readonly onDeath?: (reason: string) => void;
  /** Told of what a replacement could not be made to hold: jobs that need it fail there, the others are answered. */
  readonly onInstallFailure?: (key: string, reason: string) => void;
}

/** What travels from and to a thread. */
export type ToThread<Message> =
  | { readonly id: number; readonly message: Message }
  /** The thread ends itself with this code, as soon as it is back from native code. */
  | { readonly exit: number };
export type FromThread<Result> =
  | { readonly id: number; readonly result: Result }
  | { readonly id: number; readonly error: { readonly code: SkeinError['code']; readonly message: string } };

interface Pending<Message, Result> {
  readonly id: number;
  readonly makeJob: () => Job<Message>;
  readonly onStart?: (() => void) | undefined;
  readonly expectedMs: number;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: SkeinError) => void;
  deaths: number;
}

interface Slot<Message, Result> {
  worker: Worker;
  state: 'starting' | 'idle' | 'busy' | 'dead';
  /** What it was sent and has not answered, in that order: it is at the first. */
  readonly held: Map<number, Pending<Message, Result>>;
  /** When it turned to the first of these. */
  startedAt: number;
  /** Threads of this slot that died, one after another, before they answered a job. */
  deathsInARow: number;
}

/** After this many deaths without an answer a slot waits before it is started again. */
const QUICK_RESTARTS = 3;
const RESTART_PAUSE_MS = 1000;

/** Deaths of a job that is never tried on another thread. */
const OF_THIS_THREAD = 2;

const GRACE_MS = 10_000;

export class WorkerPool<Message, Result> {
  readonly size: number;
  readonly #options: WorkerPoolOptions;
  readonly #slots: Slot<Message, Result>[] = [];
  readonly #queue: Pending<Message, Result>[] = [];
  readonly #installed = new Map<string, () => Job<Message>>();
  /** Jobs that a thread may hold. */
  readonly #capacity: number;
  readonly #idleListeners = new Set<() => void>();
  #nextId = 1;
  #closed = false;

  constructor(options: WorkerPoolOptions) {
    if (!Number.isInteger(options.size) || options.size < 1) {
      throw new SkeinError(
        'invalid-argument',
        `The ${options.name} pool needs a whole number of threads from 1, received ${options.size}`,
      );
    }
    this.#options = options;
    this.size = options.size;
    this.#capacity = 1 + (options.ahead ?? 0);
    for (let i = 0; i < options.size; i++) {
      const slot: Slot<Message, Result> = {
        worker: this.#spawn(),
        state: 'idle',
        held: new Map(),
        startedAt: 0,
        deathsInARow: 0,
      };
      this.#slots.push(slot);
      this.#listen(slot);
    }
  }

  /** Threads that wait for work. */
  get idle(): number {
    let count = 0;
    for (const slot of this.#slots) if (slot.state === 'idle') count++;
    return count;
  }

  /** Jobs that busy threads would take now. */
  get spare(): number {
    const next = this.#freest();
    if (next?.state !== 'busy' || !this.#takesMore(next)) return 0;
    let count = 0;
    for (const slot of this.#slots) if (slot.state === 'busy') count += Math.max(0, this.#capacity - slot.held.size);
    return count;
  }

  /** Jobs that wait for a thread. */
  get queued(): number {
    return this.#queue.length;
  }

  /** Calls `listener` each time that a thread could take a job and no queued one did; returns how to stop that. */
  onIdle(listener: () => void): () => void {
    this.#idleListeners.add(listener);
    return () => this.#idleListeners.delete(listener);
  }

  /**
   * Runs one job on the first idle thread, or behind the one that a busy thread is at. `makeJob` is called when a thread
   * takes it, and again if that thread dies, since what was transferred to it is lost.
   * @param onStart called when the thread has nothing before this job any more
   * @param expectedMs what it should take, to know which busy thread is free first; 0 where that is not known
   */
  run(makeJob: () => Job<Message>, onStart?: () => void, expectedMs = 0): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(this.#closedError());
        return;
      }
      this.#queue.push({ id: this.#nextId++, makeJob, onStart, expectedMs, resolve, reject, deaths: 0 });
      this.#feed();
    });
  }

  /**
   * Sends a job to every thread, and to each later replacement before its first job. Fails if any thread answers with an
   * error. A thread that is just being replaced may get the job twice, so it must be one that can be repeated.
   */
  async install(key: string, makeJob: () => Job<Message>): Promise<Result[]> {
    if (this.#closed) throw this.#closedError();
    this.#installed.set(key, makeJob);
    try {
      return await this.broadcast(makeJob);
    } catch (error) {
      this.#installed.delete(key);
      throw error;
    }
  }

  /** Undoes `install`: replacements no longer get it, and every thread is sent `makeJob`. */
  async uninstall(key: string, makeJob: () => Job<Message>): Promise<void> {
    if (!this.#installed.delete(key) || this.#closed) return;
    if (this.#slots.some((slot) => slot.state !== 'dead')) await this.broadcast(makeJob);
  }

  /** Ends every thread. Jobs that are not answered yet fail with 'unavailable'. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const pending of this.#queue.splice(0)) pending.reject(this.#closedError());
    await Promise.all(
      this.#slots.map(async (slot) => {
        // One that is at nothing ends by itself at once, and safely: see `end`.
        const graceMs = slot.held.size > 0 ? this.#options.graceMs : undefined;
        for (const pending of slot.held.values()) pending.reject(this.#closedError());
        slot.held.clear();
        if (slot.state !== 'dead') await end(slot.worker, 0, graceMs);
      }),
    );
  }

  /** Ends one thread as a crash would; for tests of what happens then. */
  async kill(index: number): Promise<void> {
    const slot = this.#slots[index];
    if (slot !== undefined && slot.state !== 'dead') await end(slot.worker, 1);
  }

  #closedError(): SkeinError {
    return new SkeinError('unavailable', `The ${this.#options.name} threads have been closed`);
  }

  #spawn(): Worker {
    return new Worker(this.#options.script, {
      workerData: this.#options.workerData,
      name: this.#options.name,
    });
  }

  #listen(slot: Slot<Message, Result>): void {
    const worker = slot.worker;
    let reason: string | undefined;
    worker.on('message', (answer: FromThread<Result>) => this.#settle(slot, answer));
    worker.on('messageerror', (error) => {
      reason = `an answer could not be read: ${messageOf(error)}`;
      void end(worker, 1);
    });
    worker.on('error', (error) => {
      reason = error instanceof Error ? error.message : String(error);
    });
    worker.on('exit', (code) => this.#replace(slot, reason ?? `exit code ${code}`));
  }

  #settle(slot: Slot<Message, Result>, answer: FromThread<Result>): void {
    const pending = slot.held.get(answer.id);
    if (pending === undefined) return;
    slot.held.delete(answer.id);
    // A thread that answers is sound; one that only fails what it is sent while it starts is not.
    if (slot.state === 'busy') slot.deathsInARow = 0;
    if (slot.state === 'busy') {
      if (slot.held.size === 0) slot.state = 'idle';
      else this.#begin(slot);
      this.#feed();
    }
    if ('error' in answer) pending.reject(new SkeinError(answer.error.code, answer.error.message));
    else pending.resolve(answer.result);
    if (this.#takesMore(slot)) for (const listener of this.#idleListeners) listener();
  }

  #takesMore(slot: Slot<Message, Result>): boolean {
    return slot.state === 'idle' || (slot.state === 'busy' && slot.held.size < this.#capacity);
  }

  /** The thread that should be done first with what it holds; an idle one, where there is one. */
  #freest(): Slot<Message, Result> | undefined {
    const now = performance.now();
    let best: Slot<Message, Result> | undefined;
    let bestMs = 0;
    for (const slot of this.#slots) {
      if (slot.state === 'idle') return slot;
      if (slot.state !== 'busy') continue;
      const leftMs = this.#leftMs(slot, now);
      if (best === undefined || leftMs < bestMs || (leftMs === bestMs && slot.held.size < best.held.size)) {
        best = slot;
        bestMs = leftMs;
      }
    }
    return best;
  }

  #leftMs({ held, startedAt }: Slot<Message, Result>, now: number): number {
    let leftMs = startedAt - now;
    let isFirst = true;
    for (const { expectedMs } of held.values()) {
      leftMs += expectedMs;
      // What should be done already is hardly to take longer than what has not begun.
      if (isFirst) leftMs = Math.max(0, leftMs);
      isFirst = false;
    }
    return leftMs;
  }

  /**
   * Hands out what waits, each job to the thread that should be free first. A busy one is given no job ahead that another
   * would come to sooner: such a job waits here.
   */
  #feed(): void {
    while (this.#queue.length > 0) {
      const slot = this.#freest();
      if (slot === undefined || !this.#takesMore(slot)) return;
      this.#assign(slot, this.#queue.shift() as Pending<Message, Result>);
    }
  }

  /** The thread turns to the first job that it holds. */
  #begin(slot: Slot<Message, Result>): void {
    slot.startedAt = performance.now();
    first(slot.held)?.onStart?.();
  }

  #assign(slot: Slot<Message, Result>, pending: Pending<Message, Result>): void {
    let job: Job<Message>;
    try {
      job = pending.makeJob();
    } catch (error) {
      pending.reject(asSkeinError(error, 'internal'));
      return;
    }
    if (slot.state === 'idle') slot.state = 'busy';
    slot.held.set(pending.id, pending);
    if (slot.held.size === 1) this.#begin(slot);
    const envelope: ToThread<Message> = { id: pending.id, message: job.message };
    try {
      slot.worker.postMessage(envelope, job.transfer ?? []);
    } catch (error) {
      slot.held.delete(pending.id);
      if (slot.held.size === 0 && slot.state === 'busy') slot.state = 'idle';
      pending.reject(new SkeinError('internal', `Cannot send a job to a thread: ${String(error)}`, { cause: error }));
    }
  }

  /** Sends a job to every thread. One that dies meanwhile is left out: its replacement is sent what is installed. */
  async broadcast(makeJob: () => Job<Message>): Promise<Result[]> {
    if (this.#closed) throw this.#closedError();
    const live = this.#slots.filter((slot) => slot.state !== 'dead');
    const outcomes = await Promise.allSettled(live.map((slot) => this.#direct(slot, makeJob)));
    const results: Result[] = [];
    let death: SkeinError | undefined;
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') results.push(outcome.value);
      else if (outcome.reason.code === 'unavailable') death = outcome.reason;
      else throw outcome.reason;
    }
    if (results.length === 0) {
      throw death ?? new SkeinError('unavailable', `No ${this.#options.name} thread is running: try again`);
    }
    return results;
  }

  /** A job for this very thread, sent at once even if it is busy: threads answer in the order of arrival. */
  #direct(slot: Slot<Message, Result>, makeJob: () => Job<Message>): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#assign(slot, { id: this.#nextId++, makeJob, expectedMs: 0, resolve, reject, deaths: OF_THIS_THREAD });
    });
  }

  #replace(slot: Slot<Message, Result>, reason: string): void {
    if (this.#closed) return;
    slot.state = 'dead';
    slot.deathsInARow++;
    this.#options.onDeath?.(reason);
    const lost = [...slot.held.values()];
    slot.held.clear();
    for (const pending of lost.toReversed()) {
      // Only the one that it was at may have been its death.
      if (pending === lost[0]) pending.deaths++;
      if (pending.deaths < 2) this.#queue.unshift(pending);
      else {
        pending.reject(
          new SkeinError(
            'unavailable',
            `The ${this.#options.name} thread died while it answered (${reason}): try again`,
          ),
        );
      }
    }
    const pause = slot.deathsInARow > QUICK_RESTARTS ? RESTART_PAUSE_MS : 0;
    if (slot.deathsInARow > QUICK_RESTARTS && this.#slots.every((each) => each.state === 'dead')) {
      // Every thread dies as soon as it starts: waiting requests would only wait for the next death.
      for (const pending of this.#queue.splice(0)) {
        pending.reject(new SkeinError('unavailable', `The ${this.#options.name} threads cannot be started: ${reason}`));
      }
    }
    const restart = setTimeout(() => void this.#start(slot), pause);
    restart.unref();
    this.#feed();
  }

  async #start(slot: Slot<Message, Result>): Promise<void> {
    if (this.#closed) return;
    slot.worker = this.#spawn();
    slot.state = 'starting';
    this.#listen(slot);
    const worker = slot.worker;
    for (const [key, makeJob] of this.#installed) {
      try {
        await this.#direct(slot, makeJob);
      } catch (error) {
        // If it died again, its exit has started the next one.
        if (slot.worker !== worker || slot.state !== 'starting') return;
        this.#options.onInstallFailure?.(key, messageOf(error));
      }
    }
    if (slot.worker !== worker || slot.state !== 'starting') return;
    slot.state = 'idle';
    this.#feed();
    if (slot.state === 'idle') for (const listener of this.#idleListeners) listener();
  }
}

function first<Value>(map: ReadonlyMap<unknown, Value>): Value | undefined {
  for (const value of map.values()) return value;
  return undefined;
}

/**
 * Ends a thread from inside, between two steps of its JavaScript: `terminate()` can strike while the thread is in native
 * code, whose next call into the engine of JavaScript then throws, and an exception in native code ends the process.
 */
async function end(worker: Worker, code: number, graceMs = GRACE_MS): Promise<void> {
  const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  worker.postMessage({ exit: code } satisfies ToThread<never>);
  // One that does not come back from native code at all is not worth the wait.
  const stuck = setTimeout(() => void worker.terminate(), graceMs);
  await ended;
  clearTimeout(stuck);
}
