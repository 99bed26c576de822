/**
 * Gives each worker that becomes free a batch of the queue that presses most, and a busy one its next batch ahead of time
 * where that is full already: waiting could make it no better, and the worker has no gap between the two.
 */
import { chooseQueue, type WaitingQueue } from '../scheduling/index.ts';

export interface DispatchQueue extends WaitingQueue {
  /** Takes a batch from the queue and runs it; `idleWorkers` is 0 where it goes behind another batch. */
  dispatch(idleWorkers: number): void;
}

/** What the dispatcher needs of the engine. */
export interface WorkerSource {
  /** Worker threads in all, and those that are free. */
  readonly workers: number;
  readonly idle: number;
  /** Batches that busy threads would take ahead of time. */
  readonly spare: number;
  onIdle(listener: () => void): () => void;
}

export class Dispatcher {
  readonly #workers: WorkerSource;
  readonly #queues = new Set<DispatchQueue>();

  constructor(workers: WorkerSource) {
    this.#workers = workers;
    workers.onIdle(() => this.pump());
  }

  /** How many batches can run at once. */
  get workers(): number {
    return this.#workers.workers;
  }

  add(queue: DispatchQueue): void {
    this.#queues.add(queue);
  }

  remove(queue: DispatchQueue): void {
    this.#queues.delete(queue);
  }

  /** Hands out batches while there are both a worker for them and a waiting row. */
  pump(): void {
    for (;;) {
      const idle = this.#workers.idle;
      if (idle === 0 && this.#workers.spare === 0) return;
      const queue = chooseQueue(this.#queues);
      if (queue === undefined) return;
      if (idle === 0 && queue.waitingRows < queue.batchSize) return;
      queue.dispatch(idle);
    }
  }
}
