/**
 * A fixed number of worker threads that answer jobs: one at a time each, first come first served. With `ahead` the busy
 * thread that should be free first is given its next jobs already, so that it need not wait between two. A thread that dies is
 * replaced; the job that it was at is tried once more elsewhere and then fails with 'unavailable', so nothing hangs.
 *
 * What a thread must hold between jobs (a session, say) is *installed*: sent to every thread, and sent again to each
 * replacement before that answers anything. The thread's side is `answerJobs` in worker-thread.ts.
 */
import { Worker } from 'node:worker_threads';
import { endWorker } from './end-worker.ts';
import { messageOf, SkeinError } from './errors.ts';
import type { FromThread, Job } from './worker-messages.ts';
import { type PendingJob, WorkerSlot } from './worker-slot.ts';

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
   * is for threads that never are in native code, see `endWorker`.
   */
  readonly graceMs?: number;
  /** Told of each thread that died, for logs and metrics. */
  readonly onDeath?: (reason: string) => void;
  /** Told of what a replacement could not be made to hold: jobs that need it fail there, the others are answered. */
  readonly onInstallFailure?: (key: string, reason: string) => void;
}

/** After this many deaths without an answer a slot waits before it is started again. */
const QUICK_RESTARTS = 3;
const RESTART_PAUSE_MS = 1000;

/** Deaths of a job that is never tried on another thread. */
const OF_THIS_THREAD = 2;

export class WorkerPool<Message, Result> {
  readonly size: number;
  readonly #options: WorkerPoolOptions;
  readonly #slots: WorkerSlot<Message, Result>[] = [];
  readonly #queue: PendingJob<Message, Result>[] = [];
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
      const slot = new WorkerSlot<Message, Result>(this.#spawn());
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
    if (next?.state !== 'busy' || !next.takesMore(this.#capacity)) return 0;
    let count = 0;
    for (const slot of this.#slots) if (slot.state === 'busy') count += Math.max(0, this.#capacity - slot.held);
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
        // One that is at nothing ends by itself at once, and safely: see `endWorker`.
        const graceMs = slot.held > 0 ? this.#options.graceMs : undefined;
        for (const pending of slot.giveUp()) pending.reject(this.#closedError());
        if (slot.state !== 'dead') await endWorker(slot.worker, 0, graceMs);
      }),
    );
  }

  /** Ends one thread as a crash would; for tests of what happens then. */
  async kill(index: number): Promise<void> {
    const slot = this.#slots[index];
    if (slot !== undefined && slot.state !== 'dead') await endWorker(slot.worker, 1);
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

  #listen(slot: WorkerSlot<Message, Result>): void {
    const worker = slot.worker;
    let reason: string | undefined;
    worker.on('message', (answer: FromThread<Result>) => this.#settle(slot, answer));
    worker.on('messageerror', (error) => {
      reason = `an answer could not be read: ${messageOf(error)}`;
      void endWorker(worker, 1);
    });
    worker.on('error', (error) => {
      reason = error instanceof Error ? error.message : String(error);
    });
    worker.on('exit', (code) => this.#replace(slot, reason ?? `exit code ${code}`));
  }

  #settle(slot: WorkerSlot<Message, Result>, answer: FromThread<Result>): void {
    const wasBusy = slot.state === 'busy';
    const pending = slot.answered(answer.id);
    if (pending === undefined) return;
    if (wasBusy) this.#feed();
    if ('error' in answer) pending.reject(new SkeinError(answer.error.code, answer.error.message));
    else pending.resolve(answer.result);
    if (slot.takesMore(this.#capacity)) this.#tellIdle();
  }

  #tellIdle(): void {
    for (const listener of this.#idleListeners) listener();
  }

  /** The thread that should be done first with what it holds; an idle one, where there is one. */
  #freest(): WorkerSlot<Message, Result> | undefined {
    const now = performance.now();
    let best: WorkerSlot<Message, Result> | undefined;
    let bestMs = 0;
    for (const slot of this.#slots) {
      if (slot.state === 'idle') return slot;
      if (slot.state !== 'busy') continue;
      const leftMs = slot.leftMs(now);
      if (best === undefined || leftMs < bestMs || (leftMs === bestMs && slot.held < best.held)) {
        best = slot;
        bestMs = leftMs;
      }
    }
    return best;
  }

  /**
   * Hands out what waits, each job to the thread that should be free first. A busy one is given no job ahead that another
   * would come to sooner: such a job waits here.
   */
  #feed(): void {
    while (this.#queue.length > 0) {
      const slot = this.#freest();
      if (slot === undefined || !slot.takesMore(this.#capacity)) return;
      slot.send(this.#queue.shift() as PendingJob<Message, Result>);
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
  #direct(slot: WorkerSlot<Message, Result>, makeJob: () => Job<Message>): Promise<Result> {
    return new Promise((resolve, reject) => {
      slot.send({ id: this.#nextId++, makeJob, expectedMs: 0, resolve, reject, deaths: OF_THIS_THREAD });
    });
  }

  #replace(slot: WorkerSlot<Message, Result>, reason: string): void {
    if (this.#closed) return;
    slot.state = 'dead';
    slot.deathsInARow++;
    this.#options.onDeath?.(reason);
    const lost = slot.giveUp();
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

  async #start(slot: WorkerSlot<Message, Result>): Promise<void> {
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
    if (slot.state === 'idle') this.#tellIdle();
  }
}
