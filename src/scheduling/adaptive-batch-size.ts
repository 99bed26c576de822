/**
 * How many rows to put in one batch, learnt from how long batches take: Clipper's idea (Crankshaw et al., NSDI 2017,
 * section 4.3) of additive increase and multiplicative decrease, made to settle where the wanted share of batches, not
 * some share of them, exceeds the budget, and not to grow where a larger batch no longer pays.
 *
 * With steps of +δ for a full batch within the budget and −(1−γ)·B for one above it, the size stands still where
 * δ·(1−p) = (1−γ)·B·p. Choosing δ = (1−γ)·B·p/(1−p) with p = 0.01 therefore holds the 99th percentile of the batch time
 * at the budget, whatever its distribution: stochastic approximation of a quantile (Robbins and Monro, 1951).
 *
 * Before that the sizes 1, 2, 4, … are tried up to the budget. The smallest whose rows took about as little time as those
 * of the best is as large as a batch needs to be: on a CPU that is soon reached, and every further row would only make
 * the others wait. From time to time it is tried anew.
 */
export interface AdaptiveBatchSizeOptions {
  /** Milliseconds that a batch may take. */
  readonly budgetMs: number;
  /** The size is at most this, whatever the budget allows. */
  readonly max: number;
  /** The share of batches that may exceed the budget; 0.01 unless told. */
  readonly exceedance?: number;
  /** What is left of the size after a batch that exceeded; Clipper's 0.9 unless told. */
  readonly backoff?: number;
}

/** A batch that took so many times what was expected was stalled. */
const STALL = 2;
/** Full batches of each size that is tried; the fastest counts, since what disturbs only adds. */
const TRIALS = 4;
/** A larger batch pays if its rows take less than this share of the time. */
const ABOUT_AS_LITTLE = 1.03;
/** Full batches after which the sizes are tried anew. */
const TRUSTED_BATCHES = 20_000;

export class AdaptiveBatchSize {
  readonly max: number;
  readonly budgetMs: number;
  readonly #exceedance: number;
  readonly #backoff: number;
  #size = 1;
  /** The milliseconds a row of each size tried, while sizes are tried. */
  #tried: Map<number, number> | undefined = new Map();
  #trials = 0;
  /** No larger size pays. */
  #enough: number;
  #batchesSince = 0;

  constructor(options: AdaptiveBatchSizeOptions) {
    this.max = Math.max(1, Math.floor(options.max));
    this.budgetMs = options.budgetMs;
    this.#exceedance = options.exceedance ?? 0.01;
    this.#backoff = options.backoff ?? 0.9;
    this.#enough = this.max;
  }

  /** Rows that the next batch may have, at least 1. */
  get size(): number {
    return Math.floor(this.#size);
  }

  /**
   * Tells how long a batch of `rows` took.
   * @param expectedMs what batches of so many rows take, where that is known: one that took far longer was held up by
   * the machine, not by its size, and making batches smaller would only cost throughput
   */
  observe(rows: number, tookMs: number, expectedMs = 0): void {
    if (expectedMs > 0 && tookMs > STALL * expectedMs) return;
    if (tookMs > this.budgetMs) {
      // One row cannot be made fewer: that it was slow (a cold start, a stalled machine) says nothing about batching.
      if (this.size > 1) this.#settle();
      this.#size = Math.max(1, this.#size * this.#backoff);
    } else if (rows >= this.size) {
      if (this.#tried === undefined) this.#grow();
      else this.#try(this.#tried, rows, tookMs);
    }
  }

  #grow(): void {
    const step = ((1 - this.#backoff) * this.#size * this.#exceedance) / (1 - this.#exceedance);
    this.#size = Math.min(this.#enough, this.#size + step);
    if (++this.#batchesSince < TRUSTED_BATCHES) return;
    this.#tried = new Map();
    this.#size = 1;
  }

  #try(tried: Map<number, number>, rows: number, tookMs: number): void {
    tried.set(this.size, Math.min(tried.get(this.size) ?? Number.POSITIVE_INFINITY, tookMs / rows));
    if (++this.#trials < TRIALS) return;
    this.#trials = 0;
    if (this.size >= this.max) this.#settle();
    else this.#size = Math.min(this.max, this.#size * 2);
  }

  /** Ends the trial: the smallest size that is about as good as the best. */
  #settle(): void {
    if (this.#tried === undefined) return;
    const least = Math.min(...this.#tried.values());
    for (const [size, msPerRow] of this.#tried) {
      if (msPerRow > least * ABOUT_AS_LITTLE) continue;
      this.#enough = size;
      this.#size = Math.min(this.#size, size);
      break;
    }
    this.#tried = undefined;
    this.#trials = 0;
    this.#batchesSince = 0;
  }
}
