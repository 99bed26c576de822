/**
 * A `cascade` node, the Yin-Yang paper's pair (section III): the small predictor answers, and the rows of which it is
 * unsure, and only those, go on to the big one as one new batch. Both may be cascades themselves.
 */
import { SkeinError } from '../base/index.ts';
import { confidenceOf, probabilitiesOf } from './confidence.ts';
import type { ImageBatch, PredictContext, Predictor, ScoreScale, Scores } from './predictor.ts';

export class CascadePredictor implements Predictor {
  readonly kind = 'cascade';
  readonly path: string;
  readonly children: readonly [small: Predictor, big: Predictor];
  readonly classes: number;
  /** That of both; 'probabilities', to which the other's scores are converted, where they differ. */
  readonly scale: ScoreScale;
  /** Rows whose confidence is below this go on. */
  readonly confidence: number;
  #rows = 0;

  /**
   * @param confidence 0 to 1
   * @throws SkeinError 'invalid-argument' if the two score different numbers of classes
   */
  constructor(path: string, small: Predictor, big: Predictor, confidence: number) {
    if (small.classes !== big.classes) {
      throw new SkeinError(
        'invalid-argument',
        `${big.path} must score ${small.classes} classes, as ${small.path} does, received ${big.classes}`,
      );
    }
    this.path = path;
    this.children = [small, big];
    this.classes = small.classes;
    this.scale = small.scale === big.scale ? small.scale : 'probabilities';
    this.confidence = confidence;
  }

  get rows(): number {
    return this.#rows;
  }

  expectedMs(rows: number): number {
    const [small, big] = this.children;
    const share = small.rows === 0 ? 0 : big.rows / small.rows;
    return small.expectedMs(rows) + big.expectedMs(rows * share);
  }

  async predict(batch: ImageBatch, context?: PredictContext): Promise<Scores> {
    const [small, big] = this.children;
    const { count } = batch;
    const { classes } = this;
    const first = await small.predict(batch, context);
    // Not before: rows that the small one refuses never came in, and would make its share look small.
    this.#rows += count;
    const unsure: number[] = [];
    for (let row = 0; row < count; row++) {
      // Written so that a confidence of NaN, from a row whose scores are not numbers, goes on too.
      if (!(confidenceOf(first.data, row * classes, classes, small.scale) >= this.confidence)) unsure.push(row);
    }
    if (unsure.length === 0) return { ...first, data: this.#rescale(first.data, count, small.scale) };
    const second = await big.predict(unsure.length === count ? batch : gather(batch, unsure), context);
    const data = this.#rescale(first.data, count, small.scale).slice();
    const secondData = this.#rescale(second.data, unsure.length, big.scale);
    const answeredBy = [...first.answeredBy];
    for (const [i, row] of unsure.entries()) {
      data.set(secondData.subarray(i * classes, (i + 1) * classes), row * classes);
      answeredBy[row] = second.answeredBy[i] as string;
    }
    const late = [...(first.late ?? []), ...(second.late ?? [])];
    return { count, data, answeredBy, ...(late.length === 0 ? {} : { late }) };
  }

  #rescale(scores: Float32Array, count: number, scale: ScoreScale): Float32Array {
    if (scale === this.scale) return scores;
    const probabilities = new Float32Array(count * this.classes);
    for (let start = 0; start < probabilities.length; start += this.classes) {
      probabilities.set(probabilitiesOf(scores, start, this.classes, scale), start);
    }
    return probabilities;
  }
}

function gather(batch: ImageBatch, rows: readonly number[]): ImageBatch {
  const size = batch.data.length / batch.count;
  const data = new Float32Array(rows.length * size);
  for (const [i, row] of rows.entries()) data.set(batch.data.subarray(row * size, (row + 1) * size), i * size);
  return { count: rows.length, data };
}
