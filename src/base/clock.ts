/** Time as a dependency, so that policies and batching are tested with a clock that the test moves. */
export interface Clock {
  /** Milliseconds since an arbitrary start; never goes back. */
  now(): number;
}

export const systemClock: Clock = { now: () => performance.now() };
