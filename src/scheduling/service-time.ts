/**
 * How long a batch of n rows takes, as a line fitted to the batches seen, the older the less they count: t(n) = a + b·n.
 * Refusing a request that cannot be in time, before it costs anything, rests on the least that it says: the fastest of
 * the recent batches beside the line, so that one stalled batch refuses nobody, and nothing at all once the last batch
 * is long ago, since whoever is refused teaches nothing.
 */
const FORGETTING = 0.98;
const RECENT = 16;
const STALE_MS = 1000;

export class ServiceTime {
  // Exponentially weighted sums of 1, n, t, n², n·t.
  #weight = 0;
  #rows = 0;
  #time = 0;
  #rowsSquared = 0;
  #rowsTime = 0;
  readonly #recent: { readonly rows: number; readonly tookMs: number }[] = [];
  #lastAt = Number.NEGATIVE_INFINITY;

  /** @param now milliseconds on the clock that `leastMs` is asked with */
  observe(rows: number, tookMs: number, now: number): void {
    this.#lastAt = now;
    this.#recent.push({ rows, tookMs });
    if (this.#recent.length > RECENT) this.#recent.shift();
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

  /** The least milliseconds that a batch of `rows` will take as far as is known; 0 where nothing recent is. */
  leastMs(rows: number, now: number): number {
    if (now - this.#lastAt > STALE_MS) return 0;
    const expected = this.estimateMs(rows);
    let fastest = 1;
    for (const { rows: seen, tookMs } of this.#recent) {
      const line = this.estimateMs(seen);
      fastest = Math.min(fastest, line > 0 ? tookMs / line : 0);
    }
    return expected * fastest;
  }
}
