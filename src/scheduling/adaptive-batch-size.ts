/**
 * How many rows to put in one batch, learnt from how long batches take: Clipper's idea (Crankshaw et al., NSDI 2017,
 * section 4.3) of additive increase and multiplicative decrease, made to settle where the wanted share of batches, not
 * some share of them, exceeds the budget.
 *
 * With steps of +δ for a full batch within the budget and −(1−γ)·B for one above it, the size stands still where
 * δ·(1−p) = (1−γ)·B·p. Choosing δ = (1−γ)·B·p/(1−p) with p = 0.01 therefore holds the 99th percentile of the batch time
 * at the budget, whatever its distribution: stochastic approximation of a quantile (Robbins and Monro, 1951). Until the
 * first batch exceeds the budget the size doubles, as TCP's slow start does, and so finds the region in a few batches.
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

export class AdaptiveBatchSize {
  readonly max: number;
  readonly budgetMs: number;
  readonly #exceedance: number;
  readonly #backoff: number;
  #size = 1;
  #slowStart = true;

  constructor(options: AdaptiveBatchSizeOptions) {
    this.max = Math.max(1, Math.floor(options.max));
    this.budgetMs = options.budgetMs;
    this.#exceedance = options.exceedance ?? 0.01;
    this.#backoff = options.backoff ?? 0.9;
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
      if (this.size > 1) this.#slowStart = false;
      this.#size = Math.max(1, this.#size * this.#backoff);
    } else if (rows >= this.size) {
      const step = this.#slowStart
        ? this.#size
        : ((1 - this.#backoff) * this.#size * this.#exceedance) / (1 - this.#exceedance);
      this.#size = Math.min(this.max, this.#size + step);
    }
  }
}
