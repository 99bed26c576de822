/**
 * Asks the parts of a `parallel` node all at once and waits for their answers: for all of them, or, with a straggler policy,
 * for those that are in time. A part that fails fails the whole, and what the others have not begun they need not.
 */
import { asSkeinError, type Clock, type SkeinError, type Timer } from '../base/index.ts';
import type { ImageBatch, PredictContext, Predictor, Scores } from './predictor.ts';

/** To answer without parts that are late, as Clipper does (Crankshaw et al. 2017, section 5.2.2). */
export interface StragglerPolicy {
  /** Milliseconds from when the node was asked; as long as no part at all has answered it waits on. */
  readonly afterMs: number;
  readonly timer: Timer;
}

export interface PartObserver {
  readonly clock: Clock;
  /** Told how long each part took from when the node was asked, waiting included; a late one when it answers after all. */
  answered(path: string, ms: number): void;
  /** Told of each part that failed, after an answer was given without it, too; not of those that were called off or late. */
  failed(path: string, reason: SkeinError): void;
}

export interface ParallelOptions {
  /** Whether to answer without parts that are late; every answer is whole unless told. */
  readonly straggler?: StragglerPolicy;
  readonly observer?: PartObserver;
}

/**
 * @returns what each part answered, undefined for those that are late: these may go on reading the batch
 * @throws what the first part to fail threw, once no other reads the batch any more
 */
export function askParts(
  parts: readonly Predictor[],
  batch: ImageBatch,
  context: PredictContext,
  { straggler, observer }: ParallelOptions,
): Promise<readonly (Scores | undefined)[]> {
  const { signal } = context;
  // Of no use any more: parts that have not begun need not.
  let over = false;
  const ownContext: PredictContext = {
    ...context,
    signal: {
      get aborted() {
        return over || signal?.aborted === true;
      },
    },
  };
  return new Promise((resolve, reject) => {
    const answers = new Array<Scores | undefined>(parts.length).fill(undefined);
    let waiting = parts.length;
    let answered = 0;
    let due = false;
    let failure: { readonly reason: unknown } | undefined;
    let tooLate: { readonly reason: unknown } | undefined;
    let callOff = () => {};
    const end = () => {
      // All of them, since the batch is the caller's again when this settles; but for those that are late.
      if (waiting > 0 && !(due && (answered > 0 || failure !== undefined))) return;
      over = true;
      callOff();
      const cause = failure ?? (answered === 0 ? tooLate : undefined);
      if (cause === undefined) resolve([...answers]);
      else reject(cause.reason);
    };
    const failed = (path: string, reason: unknown): void => {
      const error = asSkeinError(reason, 'internal', path);
      // It says itself that it will be late: the others can still answer without it.
      if (straggler !== undefined && error.code === 'deadline-exceeded') {
        tooLate ??= { reason };
        return;
      }
      if (error.code !== 'cancelled' && error.code !== 'deadline-exceeded') observer?.failed(path, error);
      failure ??= { reason };
      over = true;
    };
    const askedAt = observer?.clock.now() ?? 0;
    for (const index of longestFirst(parts, batch.count)) {
      const part = parts[index] as Predictor;
      part.predict(batch, ownContext).then(
        (scores) => {
          observer?.answered(part.path, observer.clock.now() - askedAt);
          answers[index] = scores;
          waiting--;
          answered++;
          end();
        },
        (reason: unknown) => {
          failed(part.path, reason);
          waiting--;
          end();
        },
      );
    }
    // After those of parts that are parallel nodes, which so have their turn to answer with what they have.
    if (straggler !== undefined) {
      callOff = straggler.timer(straggler.afterMs, () => {
        due = true;
        end();
      });
    }
  });
}

/**
 * The parts by what they should cost, equal ones in the order of the plan. Those of which nothing is known go first: last,
 * and late for that, they would never be known.
 */
function longestFirst(parts: readonly Predictor[], rows: number): number[] {
  const costs = parts.map((part) => part.expectedMs(rows) || Number.MAX_VALUE);
  return [...costs.keys()].sort((a, b) => (costs[b] as number) - (costs[a] as number));
}
