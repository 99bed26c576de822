/**
 * The data plane: finds the model that a request means, checks it, has it answered, and says what it costs. Every
 * protocol goes through here; none is known here.
 */

import type { BufferPool } from '../base/index.ts';
import { type Clock, SkeinError } from '../base/index.ts';
import { argmax, probabilitiesOf, type Scores } from '../plan/index.ts';
import { DEFAULT_PRIORITY, PRIORITY_LEVELS } from './batch-queue.ts';
import type { DeployedModel } from './deployed-model.ts';
import type { ServerMetrics } from './metrics.ts';
import type {
  AnswerParameters,
  Classification,
  ClassifyRequest,
  DataPlane,
  InferOutput,
  InferRequest,
  InferResponse,
  ModelConfig,
  ModelMetadata,
  ModelStatistics,
  RepositoryEntry,
  RequestedOutput,
  ServerMetadata,
} from './protocol.ts';
import { readImageRows } from './read-tensor.ts';
import type { Registry } from './registry.ts';

export interface ModelServerParts {
  readonly registry: Registry<DeployedModel>;
  /** For the rows of requests: left to the garbage collector, they would be half of its work. */
  readonly buffers: BufferPool;
  readonly metrics: ServerMetrics;
  readonly clock: Clock;
  /** Bytes that the rows of one request may take as floats; see readImageRows. */
  readonly maxRowBytes: number;
  /** Version of Skein. */
  readonly version: string;
  /** Worker threads that hold every model. */
  readonly workers: number;
}

/** The protocol extensions that are served, as Triton names them. */
const EXTENSIONS = [
  'classification',
  'model_repository',
  'schedule_policy',
  'model_configuration',
  'binary_tensor_data',
  'parameters',
  'statistics',
];

export class ModelServer implements DataPlane {
  readonly #parts: ModelServerParts;
  #started = false;
  #draining = false;

  constructor(parts: ModelServerParts) {
    this.#parts = parts;
  }

  /** From now on ready() may be true: everything that was asked for has been loaded or has failed. */
  markStarted(): void {
    this.#started = true;
  }

  /** From now on ready() is false, so that no balancer sends more; what still comes is answered. */
  markDraining(): void {
    this.#draining = true;
  }

  live(): boolean {
    return true;
  }

  ready(): boolean {
    if (!this.#started || this.#draining) return false;
    return !this.#parts.registry.deployments().next().done;
  }

  modelReady(model: string, version?: string): boolean {
    try {
      this.#parts.registry.get(model, version);
      return true;
    } catch (error) {
      if (error instanceof SkeinError && error.code === 'unavailable') return false;
      throw error;
    }
  }

  serverMetadata(): ServerMetadata {
    return { name: 'skein', version: this.#parts.version, extensions: EXTENSIONS };
  }

  modelMetadata(model: string, version?: string): ModelMetadata {
    const deployment = this.#parts.registry.get(model, version);
    const { plan } = deployment;
    return {
      name: model,
      versions: this.#parts.registry.versionsOf(model),
      platform: plan.root.kind === 'model' ? 'onnxruntime_onnx' : 'skein_plan',
      inputs: [{ name: plan.input.name, datatype: 'FP32', shape: [-1, ...plan.input.shape] }],
      outputs: [{ name: deployment.outputName, datatype: 'FP32', shape: [-1, plan.labels.length] }],
    };
  }

  modelConfig(model: string, version?: string): ModelConfig {
    const deployment = this.#parts.registry.get(model, version);
    const { plan } = deployment;
    const { platform } = this.modelMetadata(model, version);
    return {
      name: model,
      platform,
      backend: platform === 'onnxruntime_onnx' ? 'onnxruntime' : 'skein',
      max_batch_size: deployment.maxBatch,
      input: [{ name: plan.input.name, data_type: 'TYPE_FP32', dims: plan.input.shape }],
      output: [{ name: deployment.outputName, data_type: 'TYPE_FP32', dims: [plan.labels.length], label_filename: '' }],
      dynamic_batching: { priority_levels: PRIORITY_LEVELS, default_priority_level: DEFAULT_PRIORITY },
      instance_group: [{ name: model, kind: 'KIND_CPU', count: this.#parts.workers }],
    };
  }

  statistics(model?: string, version?: string): readonly ModelStatistics[] {
    const { registry } = this.#parts;
    // A model or version that does not exist is an error, not an empty list.
    const named = model !== undefined && model !== '';
    const deployments = named
      ? version !== undefined && version !== ''
        ? [registry.get(model, version)]
        : registry.versionsOf(registry.get(model).name).map((each) => registry.get(model, each))
      : [...registry.deployments()];
    return deployments.map((each) => each.statistics.snapshot(each.name, each.version));
  }

  async infer(request: InferRequest): Promise<InferResponse> {
    const { clock, registry } = this.#parts;
    const receivedAt = clock.now();
    const deployment = registry.get(request.model, request.version);
    const { plan, outputName } = deployment;
    return deployment.serve(clock, async () => {
      const { buffers, maxRowBytes } = this.#parts;
      const rows = readImageRows(request.inputs, plan.input, maxRowBytes, (length) => buffers.float32(length));
      if ((request.outputs?.length ?? 0) > 1) {
        throw new SkeinError(
          'invalid-argument',
          `Model '${request.model}' has the one output '${outputName}', received a request for ${request.outputs?.length}`,
        );
      }
      for (const { name } of request.outputs ?? []) {
        if (name !== outputName) {
          throw new SkeinError(
            'invalid-argument',
            `Model '${request.model}' has the output '${outputName}', received a request for '${name}'`,
          );
        }
      }
      const context = this.#context(request, receivedAt);
      const prepared = rows.kind === 'tensor' ? rows.data : await deployment.decode(rows.files, context);
      deployment.statistics.prepared(clock.now() - receivedAt);
      if (rows.kind === 'files') deployment.counts.decoded((clock.now() - receivedAt) / 1000);
      const scores = await deployment.predict({ count: rows.count, data: prepared }, context);
      // Where it failed, or a part is late, a batch may still read the rows.
      if (rows.kind === 'tensor' && rows.taken && scores.late === undefined)
        buffers.give(prepared.buffer as ArrayBuffer);
      const answeredAt = clock.now();
      const wanted = request.outputs?.length ? request.outputs : [{ name: outputName }];
      const outputs = wanted.map((output) => outputOf(output, scores, deployment));
      deployment.statistics.finished(clock.now() - answeredAt);
      const value = {
        model: deployment.name,
        version: deployment.version,
        ...(request.id === undefined ? {} : { id: request.id }),
        ...parametersOf(scores),
        outputs,
      };
      return { rows: rows.count, value };
    });
  }

  async classify(request: ClassifyRequest): Promise<Classification> {
    const { clock, registry } = this.#parts;
    const receivedAt = clock.now();
    const deployment = registry.get(request.model, request.version);
    return deployment.serve(clock, async () => {
      const context = this.#context(request, receivedAt);
      const data = await deployment.decode([request.image], context);
      deployment.statistics.prepared(clock.now() - receivedAt);
      deployment.counts.decoded((clock.now() - receivedAt) / 1000);
      const scores = await deployment.predict({ count: 1, data }, context);
      const { labels } = deployment.plan;
      const probabilities = probabilitiesOf(scores.data, 0, labels.length, deployment.predictor.scale);
      const best = argmax(probabilities);
      const value = {
        model: deployment.name,
        version: deployment.version,
        label: labels[best] as string,
        class: best,
        probability: probabilities[best] as number,
        probabilities: [...probabilities],
        ...parametersOf(scores),
      };
      return { rows: 1, value };
    });
  }

  repositoryIndex(readyOnly: boolean): readonly RepositoryEntry[] {
    const all = this.#parts.registry.index();
    return readyOnly ? all.filter(({ state }) => state === 'READY') : all;
  }

  async loadModel(model: string): Promise<void> {
    await this.#parts.registry.load(model);
  }

  async unloadModel(model: string): Promise<void> {
    await this.#parts.registry.unload(model);
  }

  refused(error: unknown): void {
    this.#parts.metrics.refused(error);
  }

  async metrics(): Promise<{ readonly contentType: string; readonly body: string }> {
    return this.#parts.metrics.page();
  }

  #context(request: InferRequest | ClassifyRequest, receivedAt: number) {
    const { priority, timeoutUs, signal } = request;
    return {
      // As Triton does: 0, and what is beyond the levels of the model configuration, stands for the default.
      priority: priority && priority <= PRIORITY_LEVELS ? priority : DEFAULT_PRIORITY,
      ...(timeoutUs ? { deadline: receivedAt + timeoutUs / 1000 } : {}),
      ...(signal === undefined ? {} : { signal }),
    };
  }
}

/** What an answer says of itself, if there is anything to say. */
function parametersOf({ late }: Scores): { readonly parameters?: AnswerParameters } {
  return late === undefined ? {} : { parameters: { skein_late_parts: late.join() } };
}

function outputOf(output: RequestedOutput, scores: Scores, deployment: DeployedModel): InferOutput {
  const { labels } = deployment.plan;
  const classes = labels.length;
  const top = Math.min(output.classification ?? 0, classes);
  if (top < 1) {
    return { name: output.name, datatype: 'FP32', shape: [scores.count, classes], data: scores.data };
  }
  const best: string[] = [];
  for (let row = 0; row < scores.count; row++) {
    const scored = Array.from({ length: classes }, (_, i) => ({ i, score: scores.data[row * classes + i] as number }));
    scored.sort((a, b) => b.score - a.score || a.i - b.i);
    for (const { i, score } of scored.slice(0, top)) best.push(`${score.toFixed(6)}:${i}:${labels[i]}`);
  }
  return { name: output.name, datatype: 'BYTES', shape: [scores.count, top], data: best };
}
