/** Time as a dependency, so that policies and batching are tested with a clock that the test moves. */
export interface Clock {
  /** Milliseconds since an arbitrary start; never goes back. */
  now(): number;
}

export const systemClock: Clock = { now: () => performance.now() };

/** Calls back once, after so many milliseconds. @returns calls that off */
export type Timer = (ms: number, callback: () => void) => () => void;

export const systemTimer: Timer = (ms, callback) => {
  const timer = setTimeout(callback, ms);
  return () => clearTimeout(timer);
};
