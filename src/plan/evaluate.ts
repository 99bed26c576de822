/**
 * Measures a plan on labelled data: accuracy over all of it, latency of one image at a time, throughput at the best batch
 * size, and what it costs. In process and without a queue, so it is what the engine can do, not what a server adds.
 */
import { quantile, SkeinError } from '../base/index.ts';
import type { Dataset } from '../data/index.ts';
import type { Engine } from '../runtime/index.ts';
import { matchClasses } from './class-order.ts';
import { combinationTimes } from './combination-time.ts';
import { type ParallelTimes, timesOf } from './critical-path.ts';
import { modelCosts } from './model-costs.ts';
import { openPlan } from './open-plan.ts';
import type { Plan } from './plan.ts';
import { type ImageBatch, type Predictor, walk } from './predictor.ts';
import { RunTimes } from './run-times.ts';
import { measureThroughput } from './throughput.ts';

export interface NodeReport {
  /** The place of a model in the plan. */
  readonly path: string;
  /** Images that it was asked for, as a fraction of all. */
  readonly share: number;
  readonly params: number;
  /** Multiply-accumulates an image. */
  readonly macs: number;
  /** Of its file. */
  readonly bytes: number;
  /** Median for one image, inside ONNX Runtime; null if no image reached it. */
  readonly latencyMs: number | null;
}

export interface EvaluateReport {
  readonly samples: number;
  /** Fractions of 1. */
  readonly top1: number;
  readonly top5: number;
  /** One image at a time. */
  readonly latencyMs: { readonly p50: number; readonly p90: number; readonly p99: number };
  /** Images a second at the best batch size. */
  readonly throughput: number;
  readonly batch: number;
  readonly params: number;
  /** An image, each model's weighted by its share. */
  readonly macs: number;
  readonly bytes: number;
  readonly nodes: readonly NodeReport[];
  /** Which part of each `parallel` node that images reached they wait for; absent where there is none. */
  readonly parallel?: readonly ParallelTimes[];
}

export interface EvaluateOptions {
  /** Told how many images are done. */
  readonly onProgress?: (done: number) => void;
  /** Milliseconds for throughput at each batch size; 300 unless told. */
  readonly measureMs?: number;
  readonly signal?: AbortSignal;
}

const BATCH = 64;
/** Images kept at hand for timing, within this many bytes. */
const TIMED_IMAGES = 512;
const TIMED_BYTES = 64 * 2 ** 20;
const LATENCY_RUNS = 300;
const LATENCY_LIMIT_MS = 5000;
const WARM_UP_RUNS = 20;

/** @throws SkeinError as openPlan does; 'invalid-argument' if the data has other classes than the plan; 'cancelled' on the signal */
export async function evaluate(
  engine: Engine,
  plan: Plan,
  data: Dataset,
  options: EvaluateOptions = {},
): Promise<EvaluateReport> {
  const toModel = matchClasses(data.classNames, plan.labels);
  const runs = new RunTimes();
  const open = await openPlan(engine, plan, { maxBatch: BATCH, onRun: runs.add });
  try {
    const { predictor } = open;
    const accuracy = await measureAccuracy(predictor, plan, data, toModel, engine.workers, options);
    const shares = new Map([...walk(predictor)].map((node) => [node.path, node.rows / Math.max(predictor.rows, 1)]));
    runs.clear();
    const latencies = await measureLatency(predictor, accuracy.images, runs);
    const latencyOf = new Map([...open.models.keys()].map((path) => [path, runs.medianMs(path)]));
    const { throughput, batch } = await measureThroughput(
      predictor,
      accuracy.images,
      engine.workers,
      options.measureMs,
    );
    const shareOf = (path: string) => shares.get(path) ?? 0;
    const nodes = (await modelCosts(plan)).map(({ path, params, macs, bytes }): NodeReport => {
      const latencyMs = latencyOf.get(path) ?? Number.NaN;
      return { path, share: shareOf(path), params, macs, bytes, latencyMs: Number.isNaN(latencyMs) ? null : latencyMs };
    });
    const sum = (term: (node: NodeReport) => number) => nodes.reduce((total, node) => total + term(node), 0);
    const combinations = await combinationTimes(plan.root);
    const times = timesOf(plan.root, {
      msOf: (path) => latencyOf.get(path) ?? Number.NaN,
      combinationMsOf: (path) => combinations.get(path) ?? 0,
      shareOf,
    });
    const parallel = times.parallel.filter(({ path }) => shareOf(path) > 0);
    return {
      samples: accuracy.samples,
      top1: accuracy.top1 / accuracy.samples,
      top5: accuracy.top5 / accuracy.samples,
      latencyMs: { p50: quantile(latencies, 0.5), p90: quantile(latencies, 0.9), p99: quantile(latencies, 0.99) },
      throughput,
      batch,
      params: sum(({ params }) => params),
      macs: Math.round(sum(({ macs, share }) => macs * share)),
      bytes: sum(({ bytes }) => bytes),
      nodes,
      ...(parallel.length > 0 && { parallel }),
    };
  } finally {
    await open.close();
  }
}

interface Accuracy {
  readonly samples: number;
  readonly top1: number;
  readonly top5: number;
  /** The first images, for timing. */
  readonly images: ImageBatch;
}

async function measureAccuracy(
  predictor: Predictor,
  plan: Plan,
  data: Dataset,
  toModel: Int32Array,
  concurrency: number,
  { onProgress = () => {}, signal }: EvaluateOptions,
): Promise<Accuracy> {
  let [samples, top1, top5] = [0, 0, 0];
  const size = plan.input.shape.reduce((product, side) => product * side, 1);
  const kept = Math.max(1, Math.min(TIMED_IMAGES, data.size, Math.floor(TIMED_BYTES / (4 * size))));
  const images = new Float32Array(kept * size);
  let keptRows = 0;
  const judge = async (batch: ImageBatch, labels: Int32Array) => {
    const scores = await predictor.predict(batch);
    for (let row = 0; row < batch.count; row++) {
      const rank = rankOf(
        scores.data,
        row * predictor.classes,
        predictor.classes,
        toModel[labels[row] as number] as number,
      );
      if (rank < 1) top1++;
      if (rank < 5) top5++;
    }
    samples += batch.count;
    onProgress(samples);
  };
  const running: Promise<void>[] = [];
  for await (const batch of data.batches(plan.input, BATCH)) {
    if (signal?.aborted) break;
    const rows = Math.min(batch.count, kept - keptRows);
    images.set(batch.data.subarray(0, rows * size), keptRows * size);
    keptRows += rows;
    running.push(judge(batch, batch.labels));
    if (running.length > concurrency) await running.shift();
  }
  await Promise.all(running);
  if (signal?.aborted) throw new SkeinError('cancelled', `Stopped after ${samples} of ${data.size} images`);
  return { samples, top1, top5, images: { count: keptRows, data: images.subarray(0, keptRows * size) } };
}

/** How many classes come before this one, the first of equals first; all of them where a score is NaN. */
export function rankOf(scores: Float32Array, start: number, classes: number, label: number): number {
  const own = scores[start + label] as number;
  let rank = 0;
  for (let k = 0; k < classes; k++) {
    const score = scores[start + k] as number;
    if (Number.isNaN(score)) return classes;
    if (score > own || (score === own && k < label)) rank++;
  }
  return rank;
}

async function measureLatency(predictor: Predictor, images: ImageBatch, times: RunTimes): Promise<number[]> {
  const size = images.data.length / images.count;
  const one = (i: number): ImageBatch => {
    const row = i % images.count;
    return { count: 1, data: images.data.subarray(row * size, (row + 1) * size) };
  };
  for (let i = 0; i < WARM_UP_RUNS; i++) await predictor.predict(one(i));
  times.clear();
  const latencies: number[] = [];
  const end = performance.now() + LATENCY_LIMIT_MS;
  for (let i = 0; i < LATENCY_RUNS && (latencies.length < 3 || performance.now() < end); i++) {
    const start = performance.now();
    await predictor.predict(one(i));
    latencies.push(performance.now() - start);
  }
  return latencies;
}
