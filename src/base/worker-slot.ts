/**
 * The place of one thread in a pool: what the thread was sent and has not answered, when it should be done with that, and
 * whether it lives. A thread that dies leaves its place to the next one. Knows no queue and no other threads.
 */
import type { Worker } from 'node:worker_threads';
import { asSkeinError, SkeinError } from './errors.ts';
import type { Job, ToThread } from './worker-messages.ts';

/** A job that is not answered yet. */
export interface PendingJob<Message, Result> {
  readonly id: number;
  /** Called when a thread takes it, and again if that thread dies. */
  readonly makeJob: () => Job<Message>;
  readonly onStart?: (() => void) | undefined;
  readonly expectedMs: number;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: SkeinError) => void;
  /** Threads that died of it. */
  deaths: number;
}

export class WorkerSlot<Message, Result> {
  worker: Worker;
  state: 'starting' | 'idle' | 'busy' | 'dead' = 'idle';
  /** Threads of this place that died, one after another, before they answered a job. */
  deathsInARow = 0;
  /** In the order in which they were sent: the thread is at the first. */
  readonly #held = new Map<number, PendingJob<Message, Result>>();
  /** When the thread turned to the first of these. */
  #startedAt = 0;

  constructor(worker: Worker) {
    this.worker = worker;
  }

  /** Jobs that it was sent and has not answered. */
  get held(): number {
    return this.#held.size;
  }

  /** Whether it may be given a job, where it may hold so many. */
  takesMore(capacity: number): boolean {
    return this.state === 'idle' || (this.state === 'busy' && this.held < capacity);
  }

  /** Milliseconds until it should be done with all that it holds. */
  leftMs(now: number): number {
    let leftMs = this.#startedAt - now;
    let isFirst = true;
    for (const { expectedMs } of this.#held.values()) {
      leftMs += expectedMs;
      // What should be done already is hardly to take longer than what has not begun.
      if (isFirst) leftMs = Math.max(0, leftMs);
      isFirst = false;
    }
    return leftMs;
  }

  /** Sends the thread a job, behind what it holds; one that cannot be made or sent fails. */
  send(pending: PendingJob<Message, Result>): void {
    let job: Job<Message>;
    try {
      job = pending.makeJob();
    } catch (error) {
      pending.reject(asSkeinError(error, 'internal'));
      return;
    }
    if (this.state === 'idle') this.state = 'busy';
    this.#held.set(pending.id, pending);
    if (this.held === 1) this.#begin();
    const envelope: ToThread<Message> = { id: pending.id, message: job.message };
    try {
      this.worker.postMessage(envelope, job.transfer ?? []);
    } catch (error) {
      this.#held.delete(pending.id);
      if (this.held === 0 && this.state === 'busy') this.state = 'idle';
      pending.reject(new SkeinError('internal', `Cannot send a job to a thread: ${String(error)}`, { cause: error }));
    }
  }

  /** The thread has answered: it turns to the next job, or is idle. @returns the job; undefined where it was given up */
  answered(id: number): PendingJob<Message, Result> | undefined {
    const pending = this.#held.get(id);
    if (pending === undefined) return undefined;
    this.#held.delete(id);
    if (this.state !== 'busy') return pending;
    // A thread that answers is sound; one that only fails what it is sent while it starts is not.
    this.deathsInARow = 0;
    if (this.held === 0) this.state = 'idle';
    else this.#begin();
    return pending;
  }

  /** Gives up all that it holds. @returns that, the one that the thread was at first */
  giveUp(): PendingJob<Message, Result>[] {
    const held = [...this.#held.values()];
    this.#held.clear();
    return held;
  }

  /** The thread turns to the first job that it holds. */
  #begin(): void {
    this.#startedAt = performance.now();
    for (const { onStart } of this.#held.values()) {
      onStart?.();
      return;
    }
  }
}
