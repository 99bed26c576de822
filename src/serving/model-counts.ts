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
  /** Answers that were given without a part of a `parallel` node, by its path. */
  readonly lateParts = new Map<string, number>();

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

  /** There is such a part: its count begins at 0. */
  part(path: string): void {
    if (!this.lateParts.has(path)) this.lateParts.set(path, 0);
  }

  /** An answer was given without this part. */
  late(path: string): void {
    this.lateParts.set(path, (this.lateParts.get(path) ?? 0) + 1);
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
