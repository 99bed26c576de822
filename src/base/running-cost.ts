/**
 * What a row of work costs, as a running mean in which the older runs count less: enough to tell the longer of two pieces
 * of work beforehand.
 */
const FORGETTING = 0.9;

export class RunningCost {
  #weight = 0;
  #msPerRow = 0;

  observe(rows: number, ms: number): void {
    if (rows === 0) return;
    this.#weight = this.#weight * FORGETTING + 1;
    this.#msPerRow += (ms / rows - this.#msPerRow) / this.#weight;
  }

  /** Expected milliseconds of so many rows; 0 while nothing has been seen. */
  expectedMs(rows: number): number {
    return this.#msPerRow * rows;
  }
}
