/**
 * The rows that wait before all the models of one plan. They are refused at the door only: a row that a cascade has
 * already paid for by asking its small model is never refused before the big one, nor a row before the second part of a
 * parallel node that waits before the first already.
 */
import { SkeinError } from '../base/index.ts';

/** What is left when fractions of a row are added and taken away again. */
const ROUNDING = 1e-6;

export class WaitingRoom {
  readonly capacity: number;
  #rows = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** Rows that wait, rounded. */
  get rows(): number {
    return Math.round(this.#rows);
  }

  /** So many rows more wait, or fewer where it is negative; a row that waits in several places is a fraction in each. */
  add(rows: number): void {
    this.#rows += rows;
  }

  /** Why so many rows more cannot wait, or undefined. 'too-large' says that trying again is of no use. */
  refusal(rows: number): SkeinError | undefined {
    if (rows > this.capacity) {
      return new SkeinError(
        'too-large',
        `A request of ${rows} rows never fits into the queue of ${this.capacity}: send it in parts`,
      );
    }
    if (this.#rows + rows <= this.capacity + ROUNDING) return undefined;
    return new SkeinError(
      'queue-full',
      `${this.rows} of at most ${this.capacity} rows wait and there is no room for ${rows} more: try again later`,
    );
  }
}
