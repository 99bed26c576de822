/**
 * A `model` node that runs at once, without a queue: for evaluation and calibration. Big batches are cut into chunks
 * that run on all worker threads at the same time.
 */
import { SkeinError } from '../base/index.ts';
import type { Classifier } from './classifier.ts';
import type { ImageBatch, PredictContext, Predictor, ScoreScale, Scores } from './predictor.ts';

/** Batches beyond this gain nothing on CPU, and fall out of its caches. */
const DEFAULT_MAX_BATCH = 32;

export type ModelRunner = Pick<Classifier, 'classes' | 'scale' | 'inputSize' | 'expectedMs' | 'run'>;

export interface ModelPredictorOptions {
  /** Rows of one run at most. */
  readonly maxBatch?: number;
  /** Told of each run of the model: its rows, and milliseconds inside ONNX Runtime. */
  readonly onRun?: (rows: number, computeMs: number) => void;
}

export class ModelPredictor implements Predictor {
  readonly kind = 'model';
  readonly path: string;
  readonly children: readonly Predictor[] = [];
  readonly classes: number;
  readonly scale: ScoreScale;
  readonly #model: ModelRunner;
  readonly #maxBatch: number;
  readonly #onRun: ((rows: number, computeMs: number) => void) | undefined;
  #rows = 0;

  constructor(path: string, model: ModelRunner, options: ModelPredictorOptions = {}) {
    this.path = path;
    this.classes = model.classes;
    this.scale = model.scale;
    this.#model = model;
    this.#maxBatch = options.maxBatch ?? DEFAULT_MAX_BATCH;
    this.#onRun = options.onRun;
  }

  get rows(): number {
    return this.#rows;
  }

  expectedMs(rows: number): number {
    return this.#model.expectedMs(rows);
  }

  async predict(batch: ImageBatch, context: PredictContext = {}): Promise<Scores> {
    const { count } = batch;
    const size = this.#model.inputSize;
    if (batch.data.length !== count * size) {
      throw new SkeinError(
        'invalid-argument',
        `${this.path}: ${count} images must be ${count * size} floats, received ${batch.data.length}`,
      );
    }
    if (context.signal?.aborted) throw new SkeinError('cancelled', `${this.path}: the request was cancelled`);
    const data = new Float32Array(count * this.classes);
    const chunks = Math.max(1, Math.ceil(count / this.#maxBatch));
    // Chunks of one size, so that no thread is left with a small one at the end.
    const rows = Math.ceil(count / chunks);
    const runs: Promise<void>[] = [];
    for (let first = 0; first < count; first += rows) {
      runs.push(this.#runChunk(batch, first, Math.min(rows, count - first), data));
    }
    // All of them, since the batch is the caller's again when this settles.
    for (const run of await Promise.allSettled(runs)) if (run.status === 'rejected') throw run.reason;
    this.#rows += count;
    return { count, data, answeredBy: new Array<string>(count).fill(this.path) };
  }

  async #runChunk(batch: ImageBatch, first: number, count: number, into: Float32Array): Promise<void> {
    const size = this.#model.inputSize;
    const images = batch.data.subarray(first * size, (first + count) * size);
    const { scores, computeMs } = await this.#model.run(count, (target) => target.set(images));
    into.set(scores, first * this.classes);
    this.#onRun?.(count, computeMs);
  }
}
