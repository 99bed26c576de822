/**
 * Which of several models a free worker serves next. A queue presses more the fuller its next batch and the longer its
 * first row has waited: a cascade's big model, to which few rows come at a time, so collects a batch that pays while the
 * small model has work, and yet nothing waits beyond its budget. Of two that press alike the deeper in the plan goes
 * first, since its rows have waited once before. A worker is never idle while any queue has a row.
 */
export interface WaitingQueue {
  /** Rows that wait. */
  readonly waitingRows: number;
  /** Rows of a full batch. */
  readonly batchSize: number;
  /** The priority of the first; 1 is the highest. */
  readonly headPriority: number;
  /** Milliseconds that the longest-waiting row has waited. */
  readonly waitedMs: number;
  /** Milliseconds that a row should wait at most. */
  readonly budgetMs: number;
  /** 0 for what requests go to first, more for what is asked afterwards. */
  readonly depth: number;
}

/** The queue to serve, or undefined where none has a row. */
export function chooseQueue<Q extends WaitingQueue>(queues: Iterable<Q>): Q | undefined {
  let best: Q | undefined;
  let bestPressure = 0;
  for (const queue of queues) {
    if (queue.waitingRows === 0) continue;
    const pressure = Math.max(Math.min(queue.waitingRows / queue.batchSize, 1), queue.waitedMs / queue.budgetMs);
    if (best === undefined || precedes(queue, pressure, best, bestPressure)) {
      best = queue;
      bestPressure = pressure;
    }
  }
  return best;
}

function precedes(a: WaitingQueue, pressureOfA: number, b: WaitingQueue, pressureOfB: number): boolean {
  if (a.headPriority !== b.headPriority) return a.headPriority < b.headPriority;
  if (pressureOfA !== pressureOfB) return pressureOfA > pressureOfB;
  return a.depth > b.depth;
}
