/** Training that has come to numbers that are none, and why it stopped. */
import { SkeinError } from '../base/index.ts';

export interface DivergedAt {
  /** From 1. */
  readonly step: number;
  readonly steps: number;
  readonly rate: number;
}

/** Nothing was saved of what it came to: the last checkpoint is good. */
export class DivergenceError extends SkeinError {
  /** @param what 'The loss is NaN' */
  constructor(what: string, { step, steps, rate }: DivergedAt) {
    super(
      'internal',
      `${what} at step ${step} of ${steps} with a learning rate of ${rate.toPrecision(3)}: try a lower one, a warm-up, or clipping`,
    );
  }
}
