/** The thread of arrivals.ts: says when it starts, then sleeps until requests are due and says so. */
import { parentPort, workerData } from 'node:worker_threads';
import { Random } from '../../base/index.ts';
import { type ArrivalSettings, monotonicMs, nextIntervalMs } from './arrivals.ts';

const { ratePerSecond, seed } = workerData as ArrivalSettings;
const random = new Random(seed);
const bed = new Int32Array(new SharedArrayBuffer(4));

const startMs = monotonicMs();
parentPort?.postMessage(startMs);
let dueMs = startMs + nextIntervalMs(random, ratePerSecond);
for (;;) {
  const waitMs = dueMs - monotonicMs();
  if (waitMs > 0) Atomics.wait(bed, 0, 0, waitMs);
  const now = monotonicMs();
  const due: number[] = [];
  while (dueMs <= now) {
    due.push(dueMs);
    dueMs += nextIntervalMs(random, ratePerSecond);
  }
  if (due.length > 0) parentPort?.postMessage(Float64Array.from(due));
}
