/**
 * Which of several models a free worker serves next. A queue presses more the fuller its next batch and the longer its
 * first row has waited: a cascade's big model, to which few rows come at a time, so collects a batch that pays while the
 * small model has work, and yet nothing waits beyond its budget. Of two that press alike the deeper in the plan goes
 * first, since its rows have waited once before. Parts that are asked the same rows at once press together, and of them the
 * longest batch goes first: list scheduling in that order is done within 4/3 of the least time (Graham 1969). A worker is
 * never idle while any queue has a row.
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
  /** The same object for queues that get the same rows at once; undefined for one that gets its own. */
  readonly siblings: object | undefined;
  /** Milliseconds that its next batch should take; 0 while that is not known. */
  readonly nextBatchMs: number;
}

/** The queue to serve, or undefined where none has a row. */
export function chooseQueue<Q extends WaitingQueue>(queues: Iterable<Q>): Q | undefined {
  const waiting: Q[] = [];
  let together: Map<object, number> | undefined;
  for (const queue of queues) {
    if (queue.waitingRows === 0) continue;
    waiting.push(queue);
    if (queue.siblings === undefined) continue;
    together ??= new Map();
    together.set(queue.siblings, Math.max(together.get(queue.siblings) ?? 0, pressureOf(queue)));
  }
  let best: Q | undefined;
  let bestPressure = 0;
  for (const queue of waiting) {
    const pressure = (queue.siblings && together?.get(queue.siblings)) ?? pressureOf(queue);
    if (best === undefined || precedes(queue, pressure, best, bestPressure)) {
      best = queue;
      bestPressure = pressure;
    }
  }
  return best;
}

function pressureOf({ waitingRows, batchSize, waitedMs, budgetMs }: WaitingQueue): number {
  return Math.max(Math.min(waitingRows / batchSize, 1), waitedMs / budgetMs);
}

function precedes(a: WaitingQueue, pressureOfA: number, b: WaitingQueue, pressureOfB: number): boolean {
  if (a.headPriority !== b.headPriority) return a.headPriority < b.headPriority;
  if (a.siblings !== undefined && a.siblings === b.siblings) return lengthOf(a) > lengthOf(b);
  if (pressureOfA !== pressureOfB) return pressureOfA > pressureOfB;
  return a.depth > b.depth;
}

/** What is not known counts as the longest: always last, it might never be. */
function lengthOf({ nextBatchMs }: WaitingQueue): number {
  return nextBatchMs || Number.MAX_VALUE;
}
