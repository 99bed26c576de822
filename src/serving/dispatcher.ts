/** Gives each worker that becomes free a batch of the queue that presses most. */
import { chooseQueue, type WaitingQueue } from '../scheduling/index.ts';

export interface DispatchQueue extends WaitingQueue {
  /** Takes a batch from the queue and runs it; called only while a worker is free. */
  dispatch(idleWorkers: number): void;
}

/** What the dispatcher needs of the engine. */
export interface WorkerSource {
  /** Worker threads in all, and those that are free. */
  readonly workers: number;
  readonly idle: number;
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

  /** Hands out batches while there are both a free worker and a waiting row. */
  pump(): void {
    for (;;) {
      const idle = this.#workers.idle;
      if (idle === 0) return;
      const queue = chooseQueue(this.#queues);
      if (queue === undefined) return;
      queue.dispatch(idle);
    }
  }
}
