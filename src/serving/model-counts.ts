/** What is counted of one model version on the way of its requests, as plain numbers that a scrape turns into metrics. */
import { ERROR_CODES, type ErrorCode } from '../base/index.ts';
import { BucketCounts } from './bucket-counts.ts';

const SECONDS = [0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10];
const ROWS = [1, 2, 4, 8, 16, 32, 64, 128];

export class ModelCounts {
  requests = 0;
  images = 0;
  readonly failures = Object.fromEntries(ERROR_CODES.map((code) => [code, 0])) as Record<ErrorCode, number>;
  readonly okSeconds = new BucketCounts(SECONDS);
  readonly failedSeconds = new BucketCounts(SECONDS);
  readonly decodeSeconds = new BucketCounts(SECONDS);
  /** Of the `model` nodes of the plan, by their path. */
  readonly nodes = new Map<string, NodeCounts>();
  /** Of the parts of `parallel` nodes, by their path. */
  readonly parts = new Map<string, PartCounts>();

  succeeded(rows: number, seconds: number): void {
    this.requests++;
    this.images += rows;
    this.okSeconds.observe(seconds);
  }

  failed(code: ErrorCode, seconds: number): void {
    this.failures[code]++;
    this.failedSeconds.observe(seconds);
  }

  decoded(seconds: number): void {
    this.decodeSeconds.observe(seconds);
  }

  part(path: string): PartCounts {
    let counts = this.parts.get(path);
    if (counts === undefined) {
      counts = new PartCounts();
      this.parts.set(path, counts);
    }
    return counts;
  }

  node(path: string): NodeCounts {
    let counts = this.nodes.get(path);
    if (counts === undefined) {
      counts = new NodeCounts();
      this.nodes.set(path, counts);
    }
    return counts;
  }
}

export class NodeCounts {
  readonly batchRows = new BucketCounts(ROWS);
  readonly computeSeconds = new BucketCounts(SECONDS);
  readonly queueSeconds = new BucketCounts(SECONDS);

  batch(rows: number, computeSeconds: number): void {
    this.batchRows.observe(rows);
    this.computeSeconds.observe(computeSeconds);
  }

  waited(seconds: number): void {
    this.queueSeconds.observe(seconds);
  }
}

export class PartCounts {
  /** Answers that were given without it. */
  late = 0;
  /** Times that it failed, whether an answer was waiting for it or not. */
  failures = 0;
  readonly answerSeconds = new BucketCounts(SECONDS);

  answered(seconds: number): void {
    this.answerSeconds.observe(seconds);
  }
}
