/**
 * How long a batch of n rows takes, as a line fitted to the batches seen, the older the less they count: t(n) = a + b·n.
 * Refusing a request that cannot be in time, before it costs anything, rests on this estimate.
 */
const FORGETTING = 0.98;

export class ServiceTime {
  // Exponentially weighted sums of 1, n, t, n², n·t.
  #weight = 0;
  #rows = 0;
  #time = 0;
  #rowsSquared = 0;
  #rowsTime = 0;

  observe(rows: number, tookMs: number): void {
    this.#weight = this.#weight * FORGETTING + 1;
    this.#rows = this.#rows * FORGETTING + rows;
    this.#time = this.#time * FORGETTING + tookMs;
    this.#rowsSquared = this.#rowsSquared * FORGETTING + rows * rows;
    this.#rowsTime = this.#rowsTime * FORGETTING + rows * tookMs;
  }

  /** Expected milliseconds of a batch of `rows`; 0 while nothing has been seen. */
  estimateMs(rows: number): number {
    if (this.#weight === 0) return 0;
    const meanRows = this.#rows / this.#weight;
    const meanTime = this.#time / this.#weight;
    const variance = this.#rowsSquared / this.#weight - meanRows ** 2;
    // All batches of one size: through the origin, since a line has no slope of its own there.
    const perRow =
      variance > 1e-9 * meanRows ** 2
        ? (this.#rowsTime / this.#weight - meanRows * meanTime) / variance
        : meanTime / meanRows;
    // Noise can tilt the line; time neither shrinks with more rows nor is negative.
    const slope = Math.min(Math.max(perRow, 0), meanTime / meanRows);
    return Math.max(0, meanTime + slope * (rows - meanRows));
  }
}
