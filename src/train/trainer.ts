/**
 * Trains a classifier: step after step of the step model on a thread of its own, while the next batches are prepared. The
 * caller says what happens between epochs (saving, showing); nothing is written here.
 */
import { OLDEST_OPSET } from '../autodiff/index.ts';
import { SkeinError } from '../base/index.ts';
import {
  AugmentPool,
  batchCount,
  type Dataset,
  type Sampler,
  shuffledSampler,
  type TrainingBatch,
  trainingBatches,
} from '../data/index.ts';
import { type Model, onlyFeed } from '../graph/index.ts';
import { serializeModel } from '../onnx/index.ts';
import { liftOpset, liftWeights } from '../ops/index.ts';
import { StateEngine, type StateModel, type TensorData } from '../runtime/index.ts';
import { checkBatch } from './batch-size.ts';
import { checkClasses, checkOptions } from './check-options.ts';
import { checkWeights } from './check-weights.ts';
import type { Checkpoint, Progress } from './checkpoint.ts';
import { DivergenceError } from './divergence.ts';
import { withDynamicBatch } from './dynamic-batch.ts';
import { buildEvaluationModel } from './evaluation-model.ts';
import { classifierFeeds, Evaluator, scalarOf } from './evaluator.ts';
import { checkImageFeeds, imageFeedsOf } from './image-feeds.ts';
import { checkKnownOptions } from './known-options.ts';
import { CORRECT_OUTPUT } from './objective.ts';
import { checkSettings, type RunSettings, runSettings } from './run-settings.ts';
import { learningRates } from './schedule.ts';
import { initialVectors, trainedModel } from './state-vectors.ts';
import { buildStepModel, nextOf, type StepModel } from './step-model.ts';
import type { RunHooks, Score, TrainerOptions } from './trainer-options.ts';

const START: Progress = { epoch: 0, batch: 0, step: 0, images: 0, loss: 0, correct: 0 };

export class Trainer {
  readonly #options: TrainerOptions;
  readonly #step: StepModel;
  readonly #engine: StateEngine;
  readonly #pool: AugmentPool;
  readonly #sampler: Sampler;
  readonly #input: string;
  readonly #rates: (step: number) => number;
  readonly #keep: Readonly<Record<string, string>>;
  readonly stepsPerEpoch: number;
  readonly steps: number;
  #stepping: StateModel | undefined;
  #evaluator: Evaluator | undefined;
  /** What a checkpoint must have been made with to be gone on from. */
  #settings: Promise<RunSettings> | undefined;
  #progress = START;
  /** Of the epoch, or of what is left of it. */
  #began = { at: 0, images: 0 };

  /** @throws SkeinError as buildStepModel and learningRates do; 'invalid-argument' for data that does not fit the model */
  constructor(given: TrainerOptions) {
    checkKnownOptions(given);
    const options = { ...given, model: withDynamicBatch(liftWeights(liftOpset(given.model, OLDEST_OPSET))) };
    this.#options = options;
    this.#input = onlyFeed(options.model.graph, 'Cannot train the model').name;
    checkClasses(options.training);
    this.#step = buildStepModel(options.model, options);
    const { training, batch, epochs, rate, milestones, gamma, warmupEpochs = 0 } = options;
    checkWeights(options.model.graph);
    checkOptions(options, this.#step.classes);
    checkImageFeeds(options.imageFeeds ?? [], training.size, options.augmentation);
    this.#sampler = options.sampler ?? shuffledSampler(training.size, options.seed ?? 0);
    this.stepsPerEpoch = batchCount(this.#sampler.size, { batch });
    checkBatch(this.#step.leastBatch, batch, this.#sampler.size);
    this.steps = this.stepsPerEpoch * epochs;
    this.#rates = learningRates({
      kind: options.schedule,
      rate,
      steps: this.steps,
      warmupSteps: Math.round(warmupEpochs * this.stepsPerEpoch),
      ...(milestones === undefined ? {} : { milestones }),
      ...(gamma === undefined ? {} : { gamma }),
    });
    this.#keep = Object.fromEntries(this.#step.state.map(({ name }) => [name, nextOf(name)]));
    const { threads, device } = options;
    this.#engine = new StateEngine({
      ...(threads === undefined ? {} : { threads }),
      ...(device === undefined ? {} : { device }),
    });
    this.#pool = new AugmentPool({ threads: options.augmentThreads ?? 1 });
  }

  get progress(): Progress {
    return this.#progress;
  }

  get parameters(): number {
    return this.#step.parameters.size;
  }

  /** Of the vectors of a checkpoint. */
  get checkpointBytes(): number {
    return this.#step.state.reduce((sum, { size }) => sum + 4 * size, 0);
  }

  get threads(): number {
    return this.#engine.threads;
  }

  /**
   * Loads the models, with fresh weights or those of a checkpoint.
   * @throws SkeinError 'invalid-argument' for a checkpoint of another run, or of more epochs than this one's
   */
  async open(checkpoint?: Checkpoint): Promise<void> {
    if (checkpoint !== undefined) await this.#checkCheckpoint(checkpoint);
    const { model, emaDecay } = this.#options;
    this.#stepping = await this.#engine.load(serializeModel(this.#step.model));
    const evaluation = buildEvaluationModel(model, this.#step, this.#options, emaDecay !== undefined);
    this.#evaluator = new Evaluator(await this.#engine.load(serializeModel(evaluation)), this.#input, this.#options);
    const vectors = checkpoint?.vectors ?? initialVectors(model, this.#step);
    await this.#engine.put(Object.fromEntries([...vectors].map(([name, data]) => [name, vectorOf(data)])));
    this.#progress = checkpoint?.progress ?? START;
  }

  /** Once, and not before a checkpoint needs it: of a folder of images it takes as long as asking every file for its size. */
  #runSettings(): Promise<RunSettings> {
    this.#settings ??= runSettings(this.#options, this.#step, this.#sampler);
    return this.#settings;
  }

  async #checkCheckpoint({ settings, progress }: Checkpoint): Promise<void> {
    checkSettings(settings, await this.#runSettings(), this.#options.threads !== undefined);
    const begun = progress.epoch + (progress.batch > 0 ? 1 : 0);
    if (begun > this.#options.epochs) {
      throw new SkeinError(
        'invalid-argument',
        `The checkpoint is of epoch ${begun}: training needs at least so many epochs, received ${this.#options.epochs}`,
      );
    }
  }

  /**
   * Trains until the last epoch is done or the signal comes.
   * @returns whether it was the last epoch
   * @throws DivergenceError naming step and rate where the loss is no number any more, or that of the held-out images is
   * not finite: the epoch is not reported then
   */
  async run(hooks: RunHooks = {}): Promise<boolean> {
    const { epochs } = this.#options;
    while (this.#progress.epoch < epochs) {
      const before = this.#progress.images;
      const at = performance.now();
      this.#began = { at, images: before };
      if (!(await this.#epoch(hooks))) return false;
      const seconds = (performance.now() - at) / 1000;
      const { epoch, step, images, loss, correct, best } = this.#progress;
      const training = { loss: loss / images, accuracy: correct / images, images };
      const validation = await this.#heldOut(hooks);
      // Weights may be finite and answer nothing: such an epoch is neither good nor to be gone on from.
      if (validation !== undefined && !Number.isFinite(validation.loss))
        throw this.#diverged(`The loss on the held-out images is ${validation.loss}`);
      const isBest = validation !== undefined && isBetter(validation, best);
      const now = isBest ? { epoch: epoch + 1, accuracy: validation.accuracy, loss: validation.loss } : best;
      this.#progress = { ...START, epoch: epoch + 1, step, ...(now === undefined ? {} : { best: now }) };
      await hooks.onEpoch?.({
        epoch: epoch + 1,
        epochs,
        rate: this.#rates(Math.max(step - 1, 0)),
        training,
        ...(validation === undefined ? {} : { validation }),
        imagesPerSecond: (images - before) / seconds,
        seconds,
        best: validation === undefined || isBest,
      });
    }
    return true;
  }

  /** What the epoch has learnt is kept where the held-out images cannot be read. */
  async #heldOut({ onCheckpoint }: RunHooks): Promise<Score | undefined> {
    const { validation } = this.#options;
    try {
      return validation && (await this.evaluate(validation));
    } catch (error) {
      await onCheckpoint?.(await this.checkpoint());
      throw error;
    }
  }

  /** How well the weights of now do, those that are averaged where there are such. */
  evaluate(data: Dataset): Promise<Score> {
    return this.#opened(this.#evaluator).evaluate(data);
  }

  /** All that is needed to go on from here. @throws DivergenceError where that is no numbers any more */
  async checkpoint(): Promise<Checkpoint> {
    const values = await this.#engine.get(this.#step.state.map(({ name }) => name));
    const vectors = new Map(Object.entries(values).map(([name, { data }]) => [name, data as Float32Array]));
    // The loss of the last step says nothing of what that step itself made of the weights.
    for (const vector of vectors.values())
      if (!vector.every(Number.isFinite)) throw this.#diverged('The weights are no numbers any more');
    return { progress: this.#progress, epochs: this.#options.epochs, settings: await this.#runSettings(), vectors };
  }

  /** The model with the weights of a checkpoint, the averaged ones where there are such. */
  modelOf({ vectors }: Checkpoint): Model {
    return trainedModel(this.#options.model, this.#step, vectors);
  }

  /** By the step that was done last. */
  #diverged(what: string): DivergenceError {
    const { step } = this.#progress;
    const at = { step, steps: this.steps, rate: this.#rates(Math.max(step - 1, 0)) };
    return new DivergenceError(what, at);
  }

  async close(): Promise<void> {
    await Promise.all([this.#engine.close(), this.#pool.close()]);
  }

  /** One epoch, or what is left of it. @returns false where the signal came */
  async #epoch({ onStep, onCheckpoint, checkpointEveryMs = 0, signal }: RunHooks): Promise<boolean> {
    const { training, preprocessing, batch, augmentation, seed = 0 } = this.#options;
    const { epoch, batch: from } = this.#progress;
    const batches = trainingBatches(training, preprocessing, {
      batch,
      epoch,
      seed,
      sampler: this.#sampler,
      from,
      pool: this.#pool,
      ...(augmentation === undefined ? {} : { augmentation }),
    });
    // One step is always under way while the next is made ready.
    let underWay: Promise<void> | undefined;
    let savedAt = performance.now();
    for await (const next of batches) {
      // Unreadable images may have left too few for batch normalisation.
      if (next.count < this.#step.leastBatch) continue;
      const done = this.#takeStep(next, onStep);
      done.catch(() => {});
      await underWay;
      underWay = done;
      if (signal?.aborted) break;
      const isLast = next.number === this.stepsPerEpoch - 1;
      if (onCheckpoint === undefined || isLast || performance.now() - savedAt < checkpointEveryMs) continue;
      await underWay;
      await onCheckpoint(await this.checkpoint());
      savedAt = performance.now();
    }
    await underWay;
    // A signal in the last step comes too late to leave anything undone.
    return !signal?.aborted || this.#progress.batch >= this.stepsPerEpoch;
  }

  async #takeStep(batch: TrainingBatch, onStep: RunHooks['onStep']): Promise<void> {
    // Steps are sent one ahead: this one's number does not follow from what has been answered.
    const step = this.#progress.epoch * this.stepsPerEpoch + batch.number;
    const rate = this.#rates(step);
    const feeds: Record<string, TensorData> = classifierFeeds(
      this.#input,
      this.#options.preprocessing.shape,
      batch.data,
      batch.labels64,
    );
    Object.assign(feeds, imageFeedsOf(this.#options.imageFeeds ?? [], batch));
    for (const [name, value] of Object.entries(this.#step.scalarsAt(step + 1, rate))) feeds[name] = scalar(value);
    const { outputs, buffers } = await this.#opened(this.#stepping).run(feeds, this.#keep);
    for (const buffer of buffers) this.#pool.recycle(buffer);
    const loss = scalarOf(outputs, 'loss');
    // An infinite one may come of one image, from weights and gradients that are finite.
    if (Number.isNaN(loss))
      throw new DivergenceError(`The loss is ${loss}`, { step: step + 1, steps: this.steps, rate });
    const { progress } = this;
    this.#progress = {
      ...progress,
      batch: batch.number + 1,
      step: step + 1,
      images: progress.images + batch.count,
      loss: progress.loss + loss * batch.count,
      correct: progress.correct + scalarOf(outputs, CORRECT_OUTPUT),
    };
    const { images, correct } = this.#progress;
    const score = { loss: this.#progress.loss / images, accuracy: correct / images, images };
    const imagesPerSecond = (1000 * (images - this.#began.images)) / (performance.now() - this.#began.at);
    onStep?.({ step: step + 1, steps: this.steps, epoch: progress.epoch + 1, rate, score, imagesPerSecond });
  }

  #opened<T>(part: T | undefined): T {
    if (part === undefined) throw new SkeinError('internal', 'The trainer must be opened first');
    return part;
  }
}

/** Equal accuracies are common where images are few: the lower loss tells them apart. */
function isBetter({ accuracy, loss }: Score, best: Progress['best']): boolean {
  if (best === undefined || accuracy !== best.accuracy) return accuracy > (best?.accuracy ?? -1);
  return loss < best.loss;
}

function vectorOf(data: Float32Array): TensorData {
  return { dtype: 'float32', dims: [data.length], data };
}

function scalar(value: number): TensorData {
  return { dtype: 'float32', dims: [], data: Float32Array.of(value) };
}
