/**
 * The rows that wait before all the models of one plan. They are refused at the door only: a row that a cascade has
 * already paid for by asking its small model is never refused before the big one, nor a row before the second part of a
 * parallel node that waits before the first already.
 */
import { SkeinError } from '../base/index.ts';

/** What thirds and sevenths of rows may make of a sum. */
const ROUNDING = 1e-6;

export class WaitingRoom {
  readonly capacity: number;
  /** Whole numbers, by the places in which each row is counted: fractions would be off by more and more. */
  readonly #waiting = new Map<number, number>();

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** Rows that wait, rounded. */
  get rows(): number {
    return Math.round(this.#sum());
  }

  /**
   * So many rows more wait, or fewer where it is negative.
   * @param places in which each of these rows is counted: it is a fraction in each
   */
  add(rows: number, places = 1): void {
    this.#waiting.set(places, (this.#waiting.get(places) ?? 0) + rows);
  }

  /** Why so many rows more cannot wait, or undefined. 'too-large' says that trying again is of no use. */
  refusal(rows: number): SkeinError | undefined {
    if (rows > this.capacity) {
      return new SkeinError(
        'too-large',
        `A request of ${rows} rows never fits into the queue of ${this.capacity}: send it in parts`,
      );
    }
    if (this.#sum() + rows <= this.capacity + ROUNDING) return undefined;
    return new SkeinError(
      'queue-full',
      `${this.rows} of at most ${this.capacity} rows wait and there is no room for ${rows} more: try again later`,
    );
  }

  #sum(): number {
    let sum = 0;
    for (const [places, rows] of this.#waiting) sum += rows / places;
    return sum;
  }
}
