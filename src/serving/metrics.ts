/**
 * Prometheus metrics of the server, under names that end in their unit. Nothing here is on the way of a request: those
 * count in ModelCounts, and a scrape reads them.
 */
import { Counter, Gauge, type Metric, Registry } from 'prom-client';
import { ERROR_CODES, SkeinError } from '../base/index.ts';
import type { BucketCounts } from './bucket-counts.ts';
import { ModelCounts, type NodeCounts } from './model-counts.ts';

/** What a scrape reads off a model version that is loaded. */
export interface ModelReading {
  readonly model: string;
  readonly version: string;
  /** The nodes of the plan with the rows asked of each since it was loaded, the root first. */
  readonly nodes: readonly {
    readonly path: string;
    readonly rows: number;
    readonly waitingRows?: number;
    readonly batchSize?: number;
  }[];
  readonly inFlight: number;
}

type Labels = Readonly<Record<string, string>>;
type Sample<Value> = readonly [labels: Labels, value: Value];

interface CountedModel {
  readonly labels: { readonly model: string; readonly version: string };
  readonly counts: ModelCounts;
  /** Deployments that count here: two while a version is loaded anew. */
  users: number;
}

export class ServerMetrics {
  readonly #registry = new Registry();
  readonly #models = new Map<string, CountedModel>();
  readonly #deaths: Counter;
  readonly #refusals: Counter;
  /** Errors that are in a model's counts. */
  readonly #counted = new WeakSet<object>();

  /** @param read called at each scrape for the gauges */
  constructor(read: () => readonly ModelReading[]) {
    this.#counters();
    this.#histograms();
    this.#gauges(read);
    this.#refusals = new Counter({
      name: 'skein_refused_requests_total',
      help: 'Requests for inference refused before a model was asked, by reason: unknown models, bodies that cannot be read.',
      labelNames: ['reason'],
      registers: [this.#registry],
    });
    this.#deaths = new Counter({
      name: 'skein_worker_deaths_total',
      help: 'Worker threads that died and were replaced.',
      labelNames: ['pool'],
      registers: [this.#registry],
    });
  }

  /** Where a deployment counts; shared by those of the same version. */
  forModel(model: string, version: string): ModelCounts {
    const key = JSON.stringify([model, version]);
    const known = this.#models.get(key);
    if (known !== undefined) {
      known.users++;
      return known.counts;
    }
    const counts = new ModelCounts();
    this.#models.set(key, { labels: { model, version }, counts, users: 1 });
    return counts;
  }

  /** The deployment is gone: once no other counts there, its metrics go, too. */
  release(model: string, version: string): void {
    const key = JSON.stringify([model, version]);
    const known = this.#models.get(key);
    if (known !== undefined && --known.users === 0) this.#models.delete(key);
  }

  /** A model's counts have this error. */
  counted(error: unknown): void {
    if (typeof error === 'object' && error !== null) this.#counted.add(error);
  }

  /** A request was answered with this error; one that a model has counted is not counted again. */
  refused(error: unknown): void {
    if (typeof error === 'object' && error !== null && this.#counted.has(error)) return;
    this.#refusals.inc({ reason: error instanceof SkeinError ? error.code : 'internal' });
  }

  workerDied(pool: string): void {
    this.#deaths.inc({ pool });
  }

  async page(): Promise<{ readonly contentType: string; readonly body: string }> {
    return { contentType: this.#registry.contentType, body: await this.#registry.metrics() };
  }

  #counters(): void {
    this.#counter('skein_requests_total', 'Requests answered, by outcome.', ['outcome'], ({ counts }) => [
      [{ outcome: 'ok' }, counts.requests],
      [{ outcome: 'failed' }, ERROR_CODES.reduce((sum, code) => sum + counts.failures[code], 0)],
    ]);
    this.#counter('skein_images_total', 'Images answered.', [], ({ counts }) => [[{}, counts.images]]);
    this.#counter('skein_request_failures_total', 'Requests that failed, by reason.', ['reason'], ({ counts }) =>
      ERROR_CODES.map((reason) => [{ reason }, counts.failures[reason]]),
    );
    const late = 'Answers that were given without a part of the plan, as it was late.';
    this.#counter('skein_late_parts_total', late, ['node'], ({ counts }) =>
      [...counts.parts].map(([node, part]) => [{ node }, part.late]),
    );
    const failed = 'Times that a part of the plan failed, after an answer was given without it, too.';
    this.#counter('skein_part_failures_total', failed, ['node'], ({ counts }) =>
      [...counts.parts].map(([node, part]) => [{ node }, part.failures]),
    );
  }

  #histograms(): void {
    const duration = 'From the arrival of a whole request to its answer.';
    this.#histogram('skein_request_duration_seconds', duration, ({ counts }) => [
      [{ outcome: 'ok' }, counts.okSeconds],
      [{ outcome: 'failed' }, counts.failedSeconds],
    ]);
    const decode = 'Decoding the image files of a request, waiting included.';
    this.#histogram('skein_decode_duration_seconds', decode, ({ counts }) => [[{}, counts.decodeSeconds]]);
    const ofNodes =
      (read: (node: NodeCounts) => BucketCounts) =>
      ({ counts }: CountedModel): Sample<BucketCounts>[] =>
        [...counts.nodes].map(([node, of]) => [{ node }, read(of)]);
    const queue = 'Time that rows waited for a worker.';
    this.#histogram(
      'skein_queue_duration_seconds',
      queue,
      ofNodes(({ queueSeconds }) => queueSeconds),
    );
    this.#histogram(
      'skein_batch_size_rows',
      'Rows of a batch.',
      ofNodes(({ batchRows }) => batchRows),
    );
    const compute = 'Time of a batch inside the engine.';
    this.#histogram(
      'skein_compute_duration_seconds',
      compute,
      ofNodes(({ computeSeconds }) => computeSeconds),
    );
    const part =
      'From asking all parts of a node until this one answered, waiting included: the slowest is waited for.';
    this.#histogram('skein_part_duration_seconds', part, ({ counts }) =>
      [...counts.parts].map(([node, { answerSeconds }]) => [{ node }, answerSeconds]),
    );
  }

  #gauges(read: () => readonly ModelReading[]): void {
    const model = ['model', 'version'];
    const node = [...model, 'node'];
    this.#gauge('skein_requests_in_flight', 'Requests accepted and not answered yet.', model, () =>
      read().map(({ model: name, version, inFlight }) => [{ model: name, version }, inFlight]),
    );
    const ofNodes =
      (value: (node: ModelReading['nodes'][number], all: number) => number | undefined) => (): Sample<number>[] =>
        read().flatMap(({ model: name, version, nodes }) =>
          nodes.flatMap((each): Sample<number>[] => {
            const sample = value(each, nodes[0]?.rows ?? 0);
            return sample === undefined ? [] : [[{ model: name, version, node: each.path }, sample]];
          }),
        );
    const share = 'Share of the images that a node of the plan was asked for.';
    this.#gauge(
      'skein_node_share_ratio',
      share,
      node,
      ofNodes(({ rows }, all) => (all === 0 ? 0 : rows / all)),
    );
    this.#gauge(
      'skein_queue_rows',
      'Rows that wait for a worker.',
      node,
      ofNodes(({ waitingRows }) => waitingRows),
    );
    const size = 'Rows that the next batch may have.';
    this.#gauge(
      'skein_adaptive_batch_size_rows',
      size,
      node,
      ofNodes(({ batchSize }) => batchSize),
    );
    // Under the name that Prometheus' own client libraries give it.
    this.#gauge('process_resident_memory_bytes', 'Resident memory size in bytes.', [], () => [
      [{}, process.memoryUsage.rss()],
    ]);
  }

  #counter(
    name: string,
    help: string,
    labelNames: readonly string[],
    read: (model: CountedModel) => readonly Sample<number>[],
  ): void {
    const samples = () => this.#samples(read);
    new Counter({
      name,
      help,
      labelNames: ['model', 'version', ...labelNames],
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const [labels, value] of samples()) this.inc(labels, value);
      },
    });
  }

  #gauge(name: string, help: string, labelNames: string[], read: () => readonly Sample<number>[]): void {
    new Gauge({
      name,
      help,
      labelNames,
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const [labels, value] of read()) this.set(labels, value);
      },
    });
  }

  #histogram(name: string, help: string, read: (model: CountedModel) => readonly Sample<BucketCounts>[]): void {
    const metric = {
      name,
      help,
      // The registry asks for no more than this; its own Histogram cannot be given counts that were made elsewhere.
      get: async () => ({
        name,
        help,
        type: 'histogram',
        aggregator: 'sum',
        values: this.#samples(read).flatMap(([labels, counts]) => histogramLines(name, labels, counts)),
      }),
    };
    this.#registry.registerMetric(metric as unknown as Metric);
  }

  #samples<Value>(read: (model: CountedModel) => readonly Sample<Value>[]): Sample<Value>[] {
    return [...this.#models.values()].flatMap((model) =>
      read(model).map(([labels, value]): Sample<Value> => [{ ...model.labels, ...labels }, value]),
    );
  }
}

function histogramLines(name: string, labels: Labels, counts: BucketCounts) {
  const cumulative = counts.cumulative;
  const all = cumulative.at(-1) ?? 0;
  return [
    ...[...counts.bounds, '+Inf'].map((le, i) => ({
      metricName: `${name}_bucket`,
      labels: { ...labels, le },
      value: cumulative[i] ?? all,
    })),
    { metricName: `${name}_sum`, labels, value: counts.sum },
    { metricName: `${name}_count`, labels, value: all },
  ];
}
