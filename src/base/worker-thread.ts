/** The thread's side of worker-pool.ts: answers one job after another, in the order of arrival. */
import { parentPort, type Transferable } from 'node:worker_threads';
import { asSkeinError } from './errors.ts';
import type { FromThread, ToThread } from './worker-messages.ts';

export interface Answer<Result> {
  readonly result: Result;
  /** Buffers of the result that move instead of being copied. */
  readonly transfer?: readonly Transferable[];
}

/** Answers every job with what `answer` returns; what it throws becomes the job's error, with its code if it has one. */
export function answerJobs<Message, Result>(
  answer: (message: Message) => Answer<Result> | Promise<Answer<Result>>,
): void {
  const port = parentPort;
  if (port === null) throw new Error('answerJobs works on a worker thread only');
  // One job at a time: the next starts when the one before is answered.
  let last: Promise<void> = Promise.resolve();
  port.on('message', (received: ToThread<Message>) => {
    if ('exit' in received) process.exit(received.exit);
    const { id, message } = received;
    last = last.then(async () => {
      let reply: FromThread<Result>;
      let transfer: readonly Transferable[] = [];
      try {
        const done = await answer(message);
        reply = { id, result: done.result };
        transfer = done.transfer ?? [];
      } catch (error) {
        const known = asSkeinError(error, 'internal');
        reply = { id, error: { code: known.code, message: known.message } };
      }
      port.postMessage(reply, transfer);
    });
  });
}
