/** The thread that worker-pool.test.ts drives. */
import { workerData } from 'node:worker_threads';
import { SkeinError } from './errors.ts';
import { answerJobs } from './worker-thread.ts';

export type TestJob =
  | { readonly kind: 'square'; readonly value: number; readonly delayMs?: number }
  /** Answered once the gate is not 0. */
  | { readonly kind: 'wait'; readonly gate: SharedArrayBuffer }
  | { readonly kind: 'sum'; readonly data: Float32Array }
  | { readonly kind: 'remember'; readonly value: number }
  | { readonly kind: 'recall' }
  | { readonly kind: 'refuse' }
  /** Answered once with each counter, and refused from then on. */
  | { readonly kind: 'once'; readonly counter: SharedArrayBuffer; readonly limit: number }
  | { readonly kind: 'spin' }
  | { readonly kind: 'die'; readonly unless?: SharedArrayBuffer };

if ((workerData as { broken?: boolean } | undefined)?.broken) throw new Error('broken at the start');

let remembered = -1;

answerJobs<TestJob, number>(async (job) => {
  switch (job.kind) {
    case 'square':
      if (job.delayMs !== undefined) await new Promise((done) => setTimeout(done, job.delayMs));
      return { result: job.value ** 2 };
    case 'wait':
      Atomics.wait(new Int32Array(job.gate), 0, 0);
      return { result: 0 };
    case 'sum':
      return { result: job.data.reduce((sum, x) => sum + x, 0) };
    case 'remember':
      remembered = job.value;
      return { result: 0 };
    case 'recall':
      return { result: remembered };
    case 'refuse':
      throw new SkeinError('invalid-argument', 'not this one');
    case 'once':
      if (Atomics.add(new Int32Array(job.counter), 0, 1) < job.limit) return { result: 1 };
      throw new SkeinError('corrupt', 'not again');
    case 'spin':
      for (;;);
    case 'die':
      // The first thread to get here marks the flag and dies; with the mark set the job is answered.
      if (job.unless !== undefined && Atomics.exchange(new Int32Array(job.unless), 0, 1) === 1) return { result: 1 };
      process.exit(3);
  }
});
