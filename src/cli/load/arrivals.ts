/**
 * Requests of the open loop: they arrive as a Poisson process, whether or not the ones before are answered. A thread of
 * its own sleeps until each is due, since timers of an event loop are a millisecond coarse.
 */
import { Worker } from 'node:worker_threads';
import { type Random, SkeinError } from '../../base/index.ts';

export interface ArrivalSettings {
  readonly ratePerSecond: number;
  readonly seed: number;
}

export interface Arrivals {
  /** Since when requests arrive; of {@link monotonicMs}. */
  readonly startMs: number;
  stop(): void;
}

/** Milliseconds of a clock that all threads share, as performance.now() is not. */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}

/** Milliseconds to the next arrival: exponentially distributed with mean 1000 / rate. */
export function nextIntervalMs(random: Random, ratePerSecond: number): number {
  return (-Math.log(1 - random.uniform()) * 1000) / ratePerSecond;
}

/** Calls `onArrivals` with the times at which requests were due, as soon as they are; settles when that has begun. */
export async function startArrivals(
  settings: ArrivalSettings,
  onArrivals: (dueMs: Float64Array) => void,
): Promise<Arrivals> {
  if (!(settings.ratePerSecond > 0 && settings.ratePerSecond < 1e6)) {
    throw new SkeinError('invalid-argument', `Rate: expected 0 to 1e6 a second, received ${settings.ratePerSecond}`);
  }
  const worker = new Worker(new URL('./arrivals-worker.js', import.meta.url), { workerData: settings });
  const startMs = await new Promise<number>((resolve, reject) => {
    worker.once('error', reject);
    worker.once('message', resolve);
  });
  worker.on('message', onArrivals);
  return {
    startMs,
    stop: () => {
      worker.off('message', onArrivals);
      void worker.terminate();
    },
  };
}
