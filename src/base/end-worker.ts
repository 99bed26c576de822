/**
 * Ends a thread from inside, between two steps of its JavaScript: `terminate()` can strike while the thread is in native
 * code, whose next call into the engine of JavaScript then throws, and an exception in native code ends the process.
 */
import type { Worker } from 'node:worker_threads';
import type { ToThread } from './worker-messages.ts';

const GRACE_MS = 10_000;

/**
 * @param code that the thread exits with
 * @param graceMs milliseconds after which one that is still at a job is ended by force
 */
export async function endWorker(worker: Worker, code: number, graceMs = GRACE_MS): Promise<void> {
  const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  worker.postMessage({ exit: code } satisfies ToThread<never>);
  // One that does not come back from native code at all is not worth the wait.
  const stuck = setTimeout(() => void worker.terminate(), graceMs);
  await ended;
  clearTimeout(stuck);
}
