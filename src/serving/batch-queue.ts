/**
 * A `model` node as it is served: a queue before one model. A free worker takes a batch at once, so that with no
 * load nothing waits for company; while all are busy, rows gather, and the next batch takes as many as the adaptive size
 * allows. A full batch is handed to a busy worker already, behind the one that it is at. A request's rows may be spread
 * over several batches, and a batch holds rows of several requests; each request gets exactly its own rows back.
 */
import { asSkeinError, type Cancellation, type Clock, SkeinError } from '../base/index.ts';
import type { Siblings } from '../plan/index.ts';
import type { ImageBatch, PredictContext, Predictor, ScoreScale, Scores } from '../plan/predictor.ts';
import { AdaptiveBatchSize, type QueueEntry, RequestQueue, ServiceTime } from '../scheduling/index.ts';
import type { Dispatcher, DispatchQueue } from './dispatcher.ts';
import type { WaitingRoom } from './waiting-room.ts';

/** The model below a queue: `Classifier` of plan/ is one. */
export interface RowRunner {
  /** Floats of one row. */
  readonly inputSize: number;
  readonly classes: number;
  readonly scale: ScoreScale;
  /** Rows that every run has, for a model exported with a fixed batch. */
  readonly fixedBatch: number | undefined;
  /**
   * Scores of `count` rows, which `fill` writes into the buffer that it is given; it is called again after a crash.
   * `onStart` is called when the worker has nothing before these rows any more.
   */
  run(
    count: number,
    fill: (target: Float32Array) => void,
    onStart?: () => void,
  ): Promise<{ readonly scores: Float32Array; readonly computeMs: number }>;
}

/** Told of what happens, for metrics and statistics. */
export interface QueueObserver {
  /** One batch was answered. */
  batch(rows: number, computeMs: number): void;
  /** The first rows of a request waited so long. */
  waited(queueMs: number): void;
  /** A request was answered; the batches that held its rows took so long. */
  answered(computeMs: number): void;
}

export interface BatchQueueOptions {
  readonly path: string;
  /** How errors call it, so that a client knows which model is meant; its path unless told. */
  readonly subject?: string;
  /** 0 for what requests go to first, 1 for what a cascade asks afterwards, … */
  readonly depth: number;
  /** Milliseconds that a batch may take. */
  readonly budgetMs: number;
  readonly maxBatch: number;
  /** Where the rows that wait are counted, together with those before the other models of the plan. */
  readonly room: WaitingRoom;
  /** The models that are asked the same rows at once, this one among them: the same object for each; none unless told. */
  readonly siblings?: Siblings | undefined;
  readonly clock: Clock;
  readonly observer?: QueueObserver;
}

/** Priorities 1 (highest) to 10; a request that names none has 5. */
export const PRIORITY_LEVELS = 10;
export const DEFAULT_PRIORITY = 5;

/** A timer set beyond this fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

interface Waiting extends QueueEntry {
  readonly batch: ImageBatch;
  readonly signal: Cancellation | undefined;
  readonly since: number;
  readonly scores: Float32Array;
  readonly resolve: (scores: Scores) => void;
  readonly reject: (error: SkeinError) => void;
  /** Rows that have gone into batches, and rows that have been answered. */
  taken: number;
  answered: number;
  computeMs: number;
  failed: boolean;
}

interface Segment {
  readonly request: Waiting;
  readonly firstRow: number;
  readonly count: number;
}

export class BatchQueue implements Predictor, DispatchQueue {
  readonly kind = 'model';
  readonly children = [];
  readonly path: string;
  readonly depth: number;
  readonly budgetMs: number;
  readonly siblings: Siblings | undefined;
  readonly classes: number;
  readonly scale: ScoreScale;
  rows = 0;
  readonly #runner: RowRunner;
  readonly #dispatcher: Dispatcher;
  readonly #options: BatchQueueOptions;
  readonly #queue = new RequestQueue<Waiting>();
  readonly #size: AdaptiveBatchSize;
  readonly #time = new ServiceTime();
  #waitingRows = 0;
  #sweepTimer: NodeJS.Timeout | undefined;
  #sweepAt = Number.POSITIVE_INFINITY;

  constructor(runner: RowRunner, dispatcher: Dispatcher, options: BatchQueueOptions) {
    this.#runner = runner;
    this.#dispatcher = dispatcher;
    this.#options = options;
    this.path = options.path;
    this.depth = options.depth;
    this.budgetMs = options.budgetMs;
    this.siblings = options.siblings;
    this.classes = runner.classes;
    this.scale = runner.scale;
    this.#size = new AdaptiveBatchSize({
      budgetMs: options.budgetMs,
      max: Math.min(options.maxBatch, runner.fixedBatch ?? options.maxBatch),
    });
    dispatcher.add(this);
  }

  get waitingRows(): number {
    return this.#waitingRows;
  }

  get batchSize(): number {
    return this.#size.size;
  }

  get nextBatchMs(): number {
    return this.#time.estimateMs(Math.min(this.#waitingRows, this.#size.sizeFor(this.#waitingRows)));
  }

  get headPriority(): number {
    return this.#queue.peek()?.priority ?? DEFAULT_PRIORITY;
  }

  get waitedMs(): number {
    const head = this.#queue.peek();
    return head === undefined ? 0 : this.#options.clock.now() - head.since;
  }

  expectedMs(rows: number): number {
    return this.#time.estimateMs(rows);
  }

  predict(batch: ImageBatch, context: PredictContext = {}): Promise<Scores> {
    return new Promise((resolve, reject) => {
      const now = this.#options.clock.now();
      const request: Waiting = {
        batch,
        priority: context.priority ?? DEFAULT_PRIORITY,
        deadline: context.deadline ?? Number.POSITIVE_INFINITY,
        signal: context.signal,
        since: now,
        scores: new Float32Array(batch.count * this.classes),
        resolve,
        reject,
        taken: 0,
        answered: 0,
        computeMs: 0,
        failed: false,
      };
      const refusal = this.#refusal(request, now);
      if (refusal !== undefined) {
        reject(refusal);
        return;
      }
      if (batch.count === 0) {
        this.#finish(request);
        return;
      }
      this.#queue.push(request);
      this.#count(batch.count);
      this.#sweepBy(request.deadline);
      this.#dispatcher.pump();
    });
  }

  dispatch(idleWorkers: number): void {
    const now = this.#options.clock.now();
    // Several free workers share what waits, so that it is done sooner.
    const wanted = Math.min(
      this.#size.sizeFor(this.#waitingRows),
      Math.ceil(this.#waitingRows / Math.max(idleWorkers, 1)),
    );
    const segments: Segment[] = [];
    let count = 0;
    while (count < wanted) {
      const request = this.#queue.peek();
      if (request === undefined) break;
      const lapse = this.#lapse(request, now);
      if (lapse !== undefined) {
        this.#fail(request, lapse);
        continue;
      }
      const rows = Math.min(wanted - count, request.batch.count - request.taken);
      segments.push({ request, firstRow: request.taken, count: rows });
      request.taken += rows;
      count += rows;
      this.#count(-rows);
      if (request.taken === rows) this.#options.observer?.waited(now - request.since);
      if (request.taken === request.batch.count) this.#queue.pop();
    }
    if (count > 0) void this.#run(segments, count);
  }

  /** Takes out of the queue whatever need not be answered any more. */
  sweep(): void {
    const now = this.#options.clock.now();
    for (const request of [...this.#queue]) {
      const lapse = this.#lapse(request, now);
      if (lapse !== undefined) this.#fail(request, lapse);
    }
  }

  /** Refuses everything that waits; what is being computed is still answered. */
  close(): void {
    clearTimeout(this.#sweepTimer);
    this.#dispatcher.remove(this);
    // What nobody waits for any more ends as that, not as refused.
    this.sweep();
    for (const request of [...this.#queue]) {
      this.#fail(request, new SkeinError('unavailable', `Cannot answer: ${this.#subject} has been unloaded`));
    }
  }

  async #run(segments: readonly Segment[], count: number): Promise<void> {
    let startedAt = this.#options.clock.now();
    const size = this.#runner.inputSize;
    const fill = (target: Float32Array) => {
      let row = 0;
      for (const { request, firstRow, count: rows } of segments) {
        target.set(request.batch.data.subarray(firstRow * size, (firstRow + rows) * size), row * size);
        row += rows;
      }
    };
    try {
      const { scores, computeMs } = await this.#runner.run(count, fill, () => {
        startedAt = this.#options.clock.now();
      });
      const tookMs = this.#options.clock.now() - startedAt;
      this.#size.observe(count, tookMs, computeMs, this.#time.estimateMs(count));
      this.#time.observe(count, tookMs, this.#options.clock.now());
      this.#options.observer?.batch(count, computeMs);
      this.#scatter(segments, scores, computeMs);
    } catch (error) {
      const failure = this.#failureOf(error);
      if (segments.length === 1 || failure.code === 'unavailable') {
        for (const { request } of segments) this.#fail(request, failure);
        return;
      }
      // One request must not fail because of another that came with it: each is tried alone.
      for (const segment of segments) {
        if (!segment.request.failed) await this.#run([segment], segment.count);
      }
    }
  }

  get #subject(): string {
    return this.#options.subject ?? this.path;
  }

  /** What a request was refused for was checked before: if the engine fails on it now, that is not the client's fault. */
  #failureOf(error: unknown): SkeinError {
    const failure = asSkeinError(error, 'internal', this.#subject);
    if (failure.code !== 'invalid-argument') return failure;
    return new SkeinError('internal', `${this.#subject}: ${failure.message}`, { cause: failure });
  }

  #scatter(segments: readonly Segment[], scores: Float32Array, computeMs: number): void {
    let row = 0;
    for (const { request, firstRow, count } of segments) {
      request.scores.set(scores.subarray(row * this.classes, (row + count) * this.classes), firstRow * this.classes);
      row += count;
      request.answered += count;
      request.computeMs += computeMs;
      if (request.answered === request.batch.count && !request.failed) this.#finish(request);
    }
  }

  #finish(request: Waiting): void {
    const count = request.batch.count;
    // Not before: those above in the plan count what this one has answered.
    this.rows += count;
    this.#options.observer?.answered(request.computeMs);
    request.resolve({ count, data: request.scores, answeredBy: new Array<string>(count).fill(this.path) });
  }

  /** Fails a request once, and takes what is left of it out of the queue. */
  #fail(request: Waiting, error: SkeinError): void {
    if (request.failed) return;
    request.failed = true;
    if (request.taken < request.batch.count) {
      this.#queue.remove(request);
      this.#count(request.taken - request.batch.count);
    }
    request.reject(error);
  }

  /** Why a request is not even queued, or undefined. */
  #refusal(request: Waiting, now: number): SkeinError | undefined {
    return this.#lapse(request, now) ?? this.#hopeless(request, now);
  }

  #count(rows: number): void {
    this.#waitingRows += rows;
    this.#options.room.add(rows, this.siblings?.count);
  }

  /** Why a request that waits need not be answered any more, or undefined. */
  #lapse(request: Waiting, now: number): SkeinError | undefined {
    if (request.signal?.aborted) return new SkeinError('cancelled', 'The client went away before its answer was ready');
    if (request.deadline === Number.POSITIVE_INFINITY) return undefined;
    // The least that it takes: the rest of it in one batch on a free worker.
    const leastMs = this.#time.leastMs(Math.min(request.batch.count - request.taken, this.#size.size), now);
    if (now + leastMs <= request.deadline) return undefined;
    return this.#late(request, leastMs, now);
  }

  /** As #lapse, with what stands before it in the queue; the estimate is a lower bound, so few are refused in vain. */
  #hopeless(request: Waiting, now: number): SkeinError | undefined {
    if (request.deadline === Number.POSITIVE_INFINITY || this.#waitingRows === 0) return undefined;
    let ahead = 0;
    for (const other of this.#queue) {
      if (other.signal?.aborted) continue;
      const first =
        other.priority < request.priority ||
        (other.priority === request.priority && other.deadline <= request.deadline);
      if (first) ahead += other.batch.count - other.taken;
    }
    const size = this.#size.size;
    const batches = Math.floor(ahead / size / this.#dispatcher.workers);
    const leastMs =
      batches * this.#time.leastMs(size, now) + this.#time.leastMs(Math.min(request.batch.count, size), now);
    return now + leastMs <= request.deadline ? undefined : this.#late(request, leastMs, now);
  }

  #late(request: Waiting, leastMs: number, now: number): SkeinError {
    const left = request.deadline - now;
    return new SkeinError(
      'deadline-exceeded',
      left <= 0
        ? `The deadline passed ${(-left).toFixed(1)} ms ago, before ${this.#subject} could answer`
        : `The deadline is in ${left.toFixed(1)} ms, and ${this.#subject} needs at least ${leastMs.toFixed(1)} ms to answer`,
    );
  }

  /** Sees to it that a request which nobody takes is told so when its deadline passes. */
  #sweepBy(deadline: number): void {
    if (deadline >= this.#sweepAt) return;
    clearTimeout(this.#sweepTimer);
    this.#sweepAt = deadline;
    const delay = Math.min(Math.max(1, deadline - this.#options.clock.now() + 1), LONGEST_TIMER_MS);
    this.#sweepTimer = setTimeout(() => {
      this.#sweepAt = Number.POSITIVE_INFINITY;
      this.sweep();
      let next = Number.POSITIVE_INFINITY;
      for (const request of this.#queue) next = Math.min(next, request.deadline);
      this.#sweepBy(next);
    }, delay);
    this.#sweepTimer.unref();
  }
}
