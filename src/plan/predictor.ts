/**
 * The one idea of Skein: whatever answers "which class is this image?" is a Predictor, and every technique is a
 * combinator over predictors. `evaluate` builds the tree over bare sessions, `serve` over batching queues; the tree
 * itself knows neither.
 */
import type { Cancellation } from '../base/index.ts';
import type { PlanNode } from './plan.ts';

/** Images ready for a model: `count` rows of C·H·W floats, preprocessed, one after another. */
export interface ImageBatch {
  readonly count: number;
  readonly data: Float32Array;
}

/** What a request asks of those who answer it. */
export interface PredictContext {
  /** On the clock of the server (milliseconds); later than this nobody needs the answer. */
  readonly deadline?: number;
  /** 1 is the highest; larger numbers wait behind smaller ones. */
  readonly priority?: number;
  /** Aborted when the client has gone. */
  readonly signal?: Cancellation;
}

/** What the numbers of a row are: raw scores before softmax (log-probabilities are such), or probabilities. */
export type ScoreScale = 'logits' | 'probabilities';

export interface Scores {
  readonly count: number;
  /** `count` rows of `classes` floats. */
  readonly data: Float32Array;
  /** For each row the path of the node whose scores these are: a `model`, or the `parallel` that joined those of its parts. */
  readonly answeredBy: readonly string[];
  /** The places of the parts without which rows were answered, as they were late; absent where none was. */
  readonly late?: readonly string[];
}

export interface Predictor {
  /** Its place in the plan: 'root', 'root.cascade.small', 'root.parallel.3'. */
  readonly path: string;
  readonly kind: PlanNode['kind'];
  readonly classes: number;
  readonly scale: ScoreScale;
  readonly children: readonly Predictor[];
  /** Rows that it has let in and not refused since it was built; the ratio to the root's is its share. */
  readonly rows: number;
  /** Milliseconds of one thread that so many rows should take, as far as has been seen; 0 before anything has. */
  expectedMs(rows: number): number;
  /**
   * Class scores of every row, in the order of the rows. The batch is only read until the promise settles; parts that
   * the scores name as late may go on reading it.
   * @throws SkeinError 'deadline-exceeded', 'cancelled' or 'unavailable'
   */
  predict(batch: ImageBatch, context?: PredictContext): Promise<Scores>;
}

/** The node and all below it, in the order of the plan. */
export function* walk(predictor: Predictor): Generator<Predictor> {
  yield predictor;
  for (const child of predictor.children) yield* walk(child);
}
