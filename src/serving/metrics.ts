/**
 * Prometheus metrics of the server, under names that end in their unit. What is counted on the way of every request is
 * bound to its labels once, when a model is loaded.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { ERROR_CODES, type ErrorCode } from '../base/index.ts';

const SECONDS = [0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10];
const ROWS = [1, 2, 4, 8, 16, 32, 64, 128];

/** The metrics of one model version. */
export interface ModelMetrics {
  succeeded(rows: number, seconds: number): void;
  failed(code: ErrorCode, seconds: number): void;
  decoded(seconds: number): void;
  node(path: string): NodeMetrics;
}

/** The metrics of one `model` node of a plan. */
export interface NodeMetrics {
  batch(rows: number, computeSeconds: number): void;
  waited(seconds: number): void;
}

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

export class ServerMetrics {
  readonly #registry = new Registry();
  readonly #requests: Counter;
  readonly #images: Counter;
  readonly #failures: Counter;
  readonly #duration: Histogram;
  readonly #decode: Histogram;
  readonly #queueTime: Histogram;
  readonly #batchRows: Histogram;
  readonly #compute: Histogram;
  readonly #deaths: Counter;

  /** @param read called at each scrape for the gauges */
  constructor(read: () => readonly ModelReading[]) {
    const registers = [this.#registry];
    const model = ['model', 'version'];
    const node = [...model, 'node'];
    this.#requests = new Counter({
      name: 'skein_requests_total',
      help: 'Requests answered, by outcome.',
      labelNames: [...model, 'outcome'],
      registers,
    });
    this.#images = new Counter({ name: 'skein_images_total', help: 'Images answered.', labelNames: model, registers });
    this.#failures = new Counter({
      name: 'skein_request_failures_total',
      help: 'Requests that failed, by reason.',
      labelNames: [...model, 'reason'],
      registers,
    });
    this.#duration = new Histogram({
      name: 'skein_request_duration_seconds',
      help: 'From the arrival of a whole request to its answer.',
      labelNames: [...model, 'outcome'],
      buckets: SECONDS,
      registers,
    });
    this.#decode = new Histogram({
      name: 'skein_decode_duration_seconds',
      help: 'Decoding the image files of a request, waiting included.',
      labelNames: model,
      buckets: SECONDS,
      registers,
    });
    this.#queueTime = new Histogram({
      name: 'skein_queue_duration_seconds',
      help: 'Time that rows waited for a worker.',
      labelNames: node,
      buckets: SECONDS,
      registers,
    });
    this.#batchRows = new Histogram({
      name: 'skein_batch_size_rows',
      help: 'Rows of a batch.',
      labelNames: node,
      buckets: ROWS,
      registers,
    });
    this.#compute = new Histogram({
      name: 'skein_compute_duration_seconds',
      help: 'Time of a batch inside the engine.',
      labelNames: node,
      buckets: SECONDS,
      registers,
    });
    this.#deaths = new Counter({
      name: 'skein_worker_deaths_total',
      help: 'Worker threads that died and were replaced.',
      labelNames: ['pool'],
      registers,
    });

    const gauge = (name: string, help: string, labelNames: string[], collect: (self: Gauge) => void) => {
      new Gauge({
        name,
        help,
        labelNames,
        registers,
        collect() {
          this.reset();
          collect(this);
        },
      });
    };
    gauge('skein_requests_in_flight', 'Requests accepted and not answered yet.', model, (self) => {
      for (const { model: name, version, inFlight } of read()) self.set({ model: name, version }, inFlight);
    });
    gauge('skein_node_share_ratio', 'Share of the images that a node of the plan was asked for.', node, (self) => {
      for (const { model: name, version, nodes } of read()) {
        const all = nodes[0]?.rows ?? 0;
        for (const { path, rows } of nodes) self.set({ model: name, version, node: path }, all === 0 ? 0 : rows / all);
      }
    });
    gauge('skein_queue_rows', 'Rows that wait for a worker.', node, (self) => {
      for (const { model: name, version, nodes } of read()) {
        for (const { path, waitingRows } of nodes) {
          if (waitingRows !== undefined) self.set({ model: name, version, node: path }, waitingRows);
        }
      }
    });
    gauge('skein_adaptive_batch_size_rows', 'Rows that the next batch may have.', node, (self) => {
      for (const { model: name, version, nodes } of read()) {
        for (const { path, batchSize } of nodes) {
          if (batchSize !== undefined) self.set({ model: name, version, node: path }, batchSize);
        }
      }
    });
    gauge('skein_resident_memory_bytes', 'Resident memory of the process.', [], (self) => {
      self.set(process.memoryUsage.rss());
    });
  }

  forModel(model: string, version: string): ModelMetrics {
    const labels = { model, version };
    const ok = this.#requests.labels({ ...labels, outcome: 'ok' });
    const failed = this.#requests.labels({ ...labels, outcome: 'failed' });
    const images = this.#images.labels(labels);
    const duration = this.#duration.labels({ ...labels, outcome: 'ok' });
    const failedDuration = this.#duration.labels({ ...labels, outcome: 'failed' });
    const decode = this.#decode.labels(labels);
    const reasons = new Map(ERROR_CODES.map((reason) => [reason, this.#failures.labels({ ...labels, reason })]));
    return {
      succeeded: (rows, seconds) => {
        ok.inc();
        images.inc(rows);
        duration.observe(seconds);
      },
      failed: (code, seconds) => {
        failed.inc();
        reasons.get(code)?.inc();
        failedDuration.observe(seconds);
      },
      decoded: (seconds) => decode.observe(seconds),
      node: (path) => {
        const nodeLabels = { ...labels, node: path };
        const batchRows = this.#batchRows.labels(nodeLabels);
        const compute = this.#compute.labels(nodeLabels);
        const queue = this.#queueTime.labels(nodeLabels);
        return {
          batch: (rows, computeSeconds) => {
            batchRows.observe(rows);
            compute.observe(computeSeconds);
          },
          waited: (seconds) => queue.observe(seconds),
        };
      },
    };
  }

  workerDied(pool: string): void {
    this.#deaths.inc({ pool });
  }

  async page(): Promise<{ readonly contentType: string; readonly body: string }> {
    return { contentType: this.#registry.contentType, body: await this.#registry.metrics() };
  }
}
