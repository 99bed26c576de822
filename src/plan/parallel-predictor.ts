/**
 * A `parallel` node, class parallelism as in sensAI: every part scores its own classes of the same images, all at once,
 * and the softmax over all their scores is the answer. Parts are started longest first: whoever hands work to the next
 * free worker in that order needs at most 4/3 of the least time (Graham 1969, "Bounds on multiprocessing timing anomalies").
 */
import { SkeinError } from '../base/index.ts';
import { askParts, type ParallelOptions } from './ask-parts.ts';
import type { ParallelFields } from './plan.ts';
import type { ImageBatch, PredictContext, Predictor, ScoreScale, Scores } from './predictor.ts';

/** Below this a float32 loses digits; the logarithm of 0 is none. */
const LEAST_PROBABILITY = 2 ** -126;

interface Part {
  readonly predictor: Predictor;
  readonly classes: readonly number[];
  readonly scale: readonly number[] | undefined;
  readonly bias: readonly number[] | undefined;
}

export class ParallelPredictor implements Predictor {
  readonly kind = 'parallel';
  readonly path: string;
  readonly children: readonly Predictor[];
  readonly classes: number;
  readonly scale: ScoreScale = 'logits';
  readonly #parts: readonly Part[];
  readonly #subtracts: boolean;
  readonly #priors: readonly number[];
  readonly #options: ParallelOptions;
  #rows = 0;

  /**
   * @param classes of the plan
   * @throws SkeinError 'invalid-argument' where a part does not score "other" and its classes, or the parts are not of
   * every class once
   */
  constructor(path: string, fields: ParallelFields<Predictor>, classes: number, options: ParallelOptions = {}) {
    this.path = path;
    this.classes = classes;
    this.#parts = fields.parts.map(({ node, classes, scale, bias }) => ({ predictor: node, classes, scale, bias }));
    this.children = this.#parts.map(({ predictor }) => predictor);
    this.#subtracts = fields.other === 'subtracted';
    this.#priors = fields.priors ?? new Array<number>(classes).fill(1 / classes);
    this.#options = options;
    for (const { predictor, classes: own } of this.#parts) {
      if (predictor.classes === own.length + 1) continue;
      throw new SkeinError(
        'invalid-argument',
        `${predictor.path} must score ${own.length + 1} classes, "other" and the ${own.length} of its part, received ${predictor.classes}`,
      );
    }
    const each = fields.parts.flatMap((part) => part.classes).sort((a, b) => a - b);
    if (each.length !== classes || each.some((index, i) => index !== i)) {
      throw new SkeinError(
        'invalid-argument',
        `${path}: each of the ${classes} classes must be in one part, received ${each.join(', ')}`,
      );
    }
  }

  get rows(): number {
    return this.#rows;
  }

  expectedMs(rows: number): number {
    return this.children.reduce((sum, child) => sum + child.expectedMs(rows), 0);
  }

  async predict(batch: ImageBatch, context: PredictContext = {}): Promise<Scores> {
    const { count } = batch;
    const answers = await askParts(this.children, batch, context, this.#options);
    this.#rows += count;
    const data = new Float32Array(count * this.classes);
    for (const [index, answer] of answers.entries()) {
      if (answer !== undefined) this.#score(this.#parts[index] as Part, answer, data);
    }
    const answeredBy = new Array<string>(count).fill(this.path);
    const missing = this.#parts.filter((_, index) => answers[index] === undefined);
    if (missing.length > 0) {
      this.#fillIn(
        missing.flatMap(({ classes }) => classes),
        data,
      );
    }
    // Parts may have answered without parts of their own.
    const late = this.#parts.flatMap(({ predictor }, index) => {
      const answer = answers[index];
      return answer === undefined ? [predictor.path] : (answer.late ?? []);
    });
    return { count, data, answeredBy, ...(late.length === 0 ? {} : { late }) };
  }

  /** Puts the logits of a part's classes into the rows of all classes. */
  #score({ predictor, classes, scale, bias }: Part, { count, data: scores }: Scores, into: Float32Array): void {
    const width = classes.length + 1;
    const logit = (at: number): number => {
      const score = scores[at] as number;
      return predictor.scale === 'logits' ? score : Math.log(Math.max(score, LEAST_PROBABILITY));
    };
    for (let row = 0; row < count; row++) {
      const start = row * width;
      const other = this.#subtracts ? logit(start) : 0;
      for (const [i, index] of classes.entries()) {
        into[row * this.classes + index] = (scale?.[i] ?? 1) * (logit(start + 1 + i) - other) + (bias?.[i] ?? 0);
      }
    }
  }

  /** Gives these classes their priors, and lets the others share the rest as their softmax says: log-probabilities. */
  #fillIn(late: readonly number[], data: Float32Array): void {
    const isLate = new Set(late);
    const there = [...this.#priors.keys()].filter((index) => !isLate.has(index));
    const rest = Math.log(there.reduce((sum, index) => sum + (this.#priors[index] as number), 0));
    for (let start = 0; start < data.length; start += this.classes) {
      const most = there.reduce((max, index) => Math.max(max, data[start + index] as number), Number.NEGATIVE_INFINITY);
      const sum = there.reduce((total, index) => total + Math.exp((data[start + index] as number) - most), 0);
      const shift = rest - most - Math.log(sum);
      for (const index of there) data[start + index] = (data[start + index] as number) + shift;
      for (const index of late) data[start + index] = Math.log(this.#priors[index] as number);
    }
  }
}
