/**
 * One version of one model, loaded and answering: its plan as a tree over batching queues, what its requests look like,
 * and what was counted of them. Knows no protocol and no other models.
 */
import { basename } from 'node:path';
import { type Clock, type ErrorCode, SkeinError } from '../base/index.ts';
import {
  buildPredictor,
  Classifier,
  type ImageBatch,
  type ModelNode,
  modelsOf,
  type Plan,
  type PredictContext,
  type Predictor,
  roundsOf,
  type Scores,
  type StragglerPolicy,
  walk,
} from '../plan/index.ts';
import type { Engine } from '../runtime/index.ts';
import { BatchQueue } from './batch-queue.ts';
import type { DecodeQueue } from './decode-queue.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { ModelReading, ServerMetrics } from './metrics.ts';
import type { ModelCounts } from './model-counts.ts';
import type { Deployment } from './registry.ts';
import { StatisticsCounter } from './statistics.ts';
import { WaitingRoom } from './waiting-room.ts';

export interface ServingLimits {
  /** Milliseconds within which a batch and those before it on its worker should be done, 99 times of 100. */
  readonly sloMs: number;
  readonly maxBatch: number;
  /** Rows that may wait before one model. */
  readonly queueRows: number;
}

export interface DeployedModelParts {
  readonly engine: Engine;
  readonly dispatcher: Dispatcher;
  readonly images: DecodeQueue;
  readonly clock: Clock;
  readonly limits: ServingLimits;
  readonly metrics: ServerMetrics;
  /** Whether `parallel` nodes answer without parts that are late. */
  readonly straggler?: StragglerPolicy;
}

export class DeployedModel implements Deployment {
  readonly name: string;
  readonly version: string;
  readonly plan: Plan;
  readonly predictor: Predictor;
  readonly statistics: StatisticsCounter;
  readonly counts: ModelCounts;
  /** The name under which the scores go out: that of the first model's output. */
  readonly outputName: string;
  readonly maxBatch: number;
  readonly #queues: readonly BatchQueue[];
  readonly #classifiers: readonly Classifier[];
  readonly #images: DecodeQueue;
  readonly #room: WaitingRoom;
  readonly #metrics: ServerMetrics;
  #inFlight = 0;
  #retirement: Promise<void> | undefined;
  #idle: (() => void) | undefined;

  private constructor(
    name: string,
    version: string,
    plan: Plan,
    predictor: Predictor,
    queues: readonly BatchQueue[],
    classifiers: readonly Classifier[],
    statistics: StatisticsCounter,
    counts: ModelCounts,
    room: WaitingRoom,
    parts: DeployedModelParts,
  ) {
    this.name = name;
    this.version = version;
    this.plan = plan;
    this.predictor = predictor;
    this.#queues = queues;
    this.#classifiers = classifiers;
    this.statistics = statistics;
    this.counts = counts;
    this.#metrics = parts.metrics;
    this.#images = parts.images;
    this.#room = room;
    this.outputName = classifiers[0]?.outputName ?? 'logits';
    // A request of more rows would be refused.
    this.maxBatch = Math.min(parts.limits.maxBatch, parts.limits.queueRows);
  }

  /** Loads every model of the plan. @throws SkeinError what Classifier.open and buildPredictor throw */
  static async open(name: string, version: string, plan: Plan, parts: DeployedModelParts): Promise<DeployedModel> {
    const queues: BatchQueue[] = [];
    const classifiers: Classifier[] = [];
    const statistics = new StatisticsCounter();
    const counts = parts.metrics.forModel(name, version);
    const room = new WaitingRoom(parts.limits.queueRows);
    // A request may go through every model of the plan, parts side by side, and waits for at most two batches before each
    // of its own: the one that the worker is at, and the one that it was given ahead of time.
    const models = [...modelsOf(plan.root)];
    const placed = new Map(models.map((model) => [model.path, model]));
    const budgetMs = parts.limits.sloMs / (3 * roundsOf(plan.root, parts.dispatcher.workers));
    try {
      const openQueue = async (node: ModelNode, path: string): Promise<BatchQueue> => {
        const classifier = await Classifier.open(parts.engine, node.file, { shape: plan.input.shape });
        classifiers.push(classifier);
        const nodeMetrics = counts.node(path);
        const queue = new BatchQueue(classifier, parts.dispatcher, {
          path,
          subject:
            models.length === 1
              ? `model '${name}'`
              : `model '${name}' (its ${basename(node.file)}, ${path} of the plan)`,
          depth: placed.get(path)?.depth ?? 0,
          siblings: placed.get(path)?.beside,
          budgetMs,
          maxBatch: parts.limits.maxBatch,
          room,
          clock: parts.clock,
          observer: {
            batch: (rows, computeMs) => {
              statistics.executed(rows, computeMs);
              nodeMetrics.batch(rows, computeMs / 1000);
            },
            answered: (computeMs) => statistics.computed(computeMs),
            waited: (queueMs) => {
              statistics.queued(queueMs);
              nodeMetrics.waited(queueMs / 1000);
            },
          },
        });
        queues.push(queue);
        return queue;
      };
      const predictor = await buildPredictor(plan, openQueue, {
        ...(parts.straggler && { straggler: parts.straggler }),
        observer: {
          clock: parts.clock,
          answered: (path, ms) => counts.part(path).answered(ms / 1000),
          failed: (path) => void counts.part(path).failures++,
        },
      });
      for (const { kind, children } of walk(predictor)) {
        if (kind === 'parallel') for (const { path } of children) counts.part(path);
      }
      return new DeployedModel(name, version, plan, predictor, queues, classifiers, statistics, counts, room, parts);
    } catch (error) {
      for (const queue of queues) queue.close();
      await Promise.allSettled(classifiers.map((classifier) => classifier.unload()));
      parts.metrics.release(name, version);
      throw error;
    }
  }

  /**
   * Image files as rows for this model. They count as waiting rows meanwhile, so that a full queue refuses them before
   * they are decoded.
   * @throws SkeinError as DecodeQueue.decode does, and 'queue-full'
   */
  async decode(files: readonly Uint8Array[], context: PredictContext): Promise<Float32Array> {
    this.#letIn(files.length);
    this.#room.add(files.length);
    try {
      return await this.#images.decode(files, this.plan.input, context);
    } finally {
      this.#room.add(-files.length);
    }
  }

  /** Class scores of a request's rows. @throws SkeinError as Predictor.predict does, and 'queue-full' or 'too-large' */
  async predict(batch: ImageBatch, context: PredictContext): Promise<Scores> {
    this.#letIn(batch.count);
    const scores = await this.predictor.predict(batch, context);
    for (const path of scores.late ?? []) this.counts.part(path).late++;
    return scores;
  }

  /** The door: what is let in here is refused before no model of the plan. */
  #letIn(rows: number): void {
    if (this.#room.refusal(rows) === undefined) return;
    for (const queue of this.#queues) queue.sweep();
    const refusal = this.#room.refusal(rows);
    if (refusal !== undefined) throw refusal;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Runs one request and counts it; the model outlives the request even if it is retired meanwhile. */
  async serve<T>(clock: Clock, answer: () => Promise<{ readonly rows: number; readonly value: T }>): Promise<T> {
    if (this.#retirement !== undefined) {
      throw new SkeinError('unavailable', `Model '${this.name}' version ${this.version} is being unloaded`);
    }
    this.#inFlight++;
    const start = clock.now();
    try {
      const { rows, value } = await answer();
      const tookMs = clock.now() - start;
      this.statistics.succeeded(rows, tookMs);
      this.counts.succeeded(rows, tookMs / 1000);
      return value;
    } catch (error) {
      const tookMs = clock.now() - start;
      const code: ErrorCode = error instanceof SkeinError ? error.code : 'internal';
      this.statistics.failed(tookMs);
      this.counts.failed(code, tookMs / 1000);
      this.#metrics.counted(error);
      throw error;
    } finally {
      this.#inFlight--;
      if (this.#inFlight === 0) this.#idle?.();
    }
  }

  /** Answers what was accepted, then frees the sessions. */
  retire(): Promise<void> {
    this.#retirement ??= this.#retire();
    return this.#retirement;
  }

  async #retire(): Promise<void> {
    if (this.#inFlight > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    for (const queue of this.#queues) queue.close();
    await Promise.all(this.#classifiers.map((classifier) => classifier.unload()));
    this.#metrics.release(this.name, this.version);
  }

  reading(): ModelReading {
    const queues = new Map(this.#queues.map((queue) => [queue.path, queue]));
    return {
      model: this.name,
      version: this.version,
      inFlight: this.#inFlight,
      nodes: [...walk(this.predictor)].map(({ path, rows }) => {
        const queue = queues.get(path);
        return queue === undefined
          ? { path, rows }
          : { path, rows, waitingRows: queue.waitingRows, batchSize: queue.batchSize };
      }),
    };
  }
}
