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
/** What a batch costs all threads besides, about: taken together, handed over, taken apart. */
const HANDOVER_MS = 0.1;
/** Rows that take at most so many times what those of the best size take are about as good. */
const ABOUT_AS_LITTLE = 1.05;
/** Full batches after which the sizes are tried anew. */
const TRUSTED_BATCHES = 20_000;

export class AdaptiveBatchSize {
  readonly max: number;
  readonly budgetMs: number;
  readonly #exceedance: number;
  readonly #backoff: number;
  #size = 1;
  /** No larger size pays. */
  #enough: number;
  #trial: SizeTrial | undefined;
  #batchesSinceTrial = 0;

  constructor(options: AdaptiveBatchSizeOptions) {
    this.max = Math.max(1, Math.floor(options.max));
    this.budgetMs = options.budgetMs;
    this.#exceedance = options.exceedance ?? 0.01;
    this.#backoff = options.backoff ?? 0.9;
    this.#enough = this.max;
    this.#trial = new SizeTrial(this.max);
  }

  /** Rows of a full batch, at least 1. */
  get size(): number {
    return this.#trial === undefined ? Math.floor(this.#size) : this.#trial.best;
  }

  /** Rows that the next batch may have where so many wait: a size that is yet to be tried is where they fill it. */
  sizeFor(waitingRows: number): number {
    const trial = this.#trial;
    return trial !== undefined && waitingRows >= trial.size ? trial.size : this.size;
  }

  /**
   * Tells how long a batch of `rows` took.
   * @param computeMs of that inside the engine; all of it unless told. Whether a size pays is seen by this: the rest is
   * mostly waiting, while the engine has other work
   * @param expectedMs what batches of so many rows take, where that is known: one that took far longer was held up by
   * the machine, not by its size, and making batches smaller would only cost throughput
   */
  observe(rows: number, tookMs: number, computeMs = tookMs, expectedMs = 0): void {
    if (expectedMs > 0 && tookMs > STALL * expectedMs) return;
    if (tookMs > this.budgetMs) {
      // One row cannot be made fewer: that it was slow (a cold start, a stalled machine) says nothing about batching.
      if (rows === 1 && this.#trial !== undefined) return;
      if (this.#trial !== undefined) this.#settle(this.#trial);
      this.#size = Math.max(1, this.#size * this.#backoff);
    } else if (this.#trial !== undefined) {
      if (rows === this.#trial.size) this.#trial.observe(computeMs);
      if (this.#trial.done) this.#settle(this.#trial);
    } else if (rows >= this.size) this.#grow();
  }

  #grow(): void {
    const step = ((1 - this.#backoff) * this.#size * this.#exceedance) / (1 - this.#exceedance);
    this.#size = Math.min(this.#enough, this.#size + step);
    if (++this.#batchesSinceTrial >= TRUSTED_BATCHES) this.#trial = new SizeTrial(this.max);
  }

  #settle(trial: SizeTrial): void {
    this.#enough = trial.best;
    this.#size = trial.best;
    this.#trial = undefined;
    this.#batchesSinceTrial = 0;
  }
}

/** Finds out which of the sizes 1, 2, 4, … is as large as pays. */
class SizeTrial {
  readonly #max: number;
  /** Milliseconds of the engine for each size that has been tried. */
  readonly #tried: { readonly size: number; readonly computeMs: number }[] = [];
  #batches = 0;
  #fastestMs = Number.POSITIVE_INFINITY;
  /** That is being tried. */
  size = 1;
  /** The one that is as large as pays, of those tried so far. */
  best = 1;
  done = false;

  constructor(max: number) {
    this.#max = max;
  }

  /** A batch of `size` rows was answered. */
  observe(computeMs: number): void {
    this.#fastestMs = Math.min(this.#fastestMs, computeMs);
    if (++this.#batches < TRIALS) return;
    this.#tried.push({ size: this.size, computeMs: this.#fastestMs });
    const perRow = this.#tried.map(({ size, computeMs }) => (computeMs + HANDOVER_MS) / size);
    const least = Math.min(...perRow);
    this.best = this.#tried[perRow.findIndex((ms) => ms <= least * ABOUT_AS_LITTLE)]?.size ?? 1;
    this.#batches = 0;
    this.#fastestMs = Number.POSITIVE_INFINITY;
    this.done = this.size >= this.#max;
    this.size = Math.min(this.#max, this.size * 2);
  }
}
