/** Counts what became of the requests of one measured window. */
import { mean, quantileOfSorted } from '../../base/index.ts';

export interface LoadResult {
  /** Requests whose start fell into the window; ok + failed. */
  readonly sent: number;
  readonly ok: number;
  readonly failed: number;
  /** Good answers a second. */
  readonly throughput: number;
  /** Of good answers; null where there were none. */
  readonly latencyMs: {
    readonly mean: number | null;
    readonly p50: number | null;
    readonly p90: number | null;
    readonly p99: number | null;
    readonly p999: number | null;
  };
  /** How often each reason of a failure occurred. */
  readonly errors: Readonly<Record<string, number>>;
  /** The share of good answers that named the right class, where the classes are known. */
  readonly top1?: number;
  /** Length of the window. */
  readonly seconds: number;
}

/** Reasons may carry numbers and so be many; beyond this they are counted together. */
const MOST_REASONS = 20;
const REASON_LENGTH = 160;

export class LoadRecorder {
  readonly startMs: number;
  #latencies = new Float64Array(4096);
  #ok = 0;
  #failed = 0;
  #labelled = 0;
  #correct = 0;
  #inWindow = 0;
  #lastMs: number;
  readonly #errors = new Map<string, number>();

  constructor(startMs: number) {
    this.startMs = startMs;
    this.#lastMs = startMs;
  }

  get answered(): number {
    return this.#ok + this.#failed;
  }

  get failed(): number {
    return this.#failed;
  }

  /** A good answer came while the window was open, whenever its request was sent. */
  countInWindow(): void {
    this.#inWindow++;
  }

  /** A good answer to a request of the window. @param label -1 or undefined where the right class is not known */
  ok(latencyMs: number, nowMs: number, topClass: number | undefined, label: number | undefined): void {
    if (this.#ok === this.#latencies.length) {
      const larger = new Float64Array(this.#latencies.length * 2);
      larger.set(this.#latencies);
      this.#latencies = larger;
    }
    this.#latencies[this.#ok++] = latencyMs;
    this.#lastMs = nowMs;
    if (label === undefined || label < 0 || topClass === undefined) return;
    this.#labelled++;
    if (topClass === label) this.#correct++;
  }

  fail(reason: string, nowMs: number): void {
    this.#failed++;
    this.#lastMs = nowMs;
    const short = reason.length > REASON_LENGTH ? `${reason.slice(0, REASON_LENGTH)}…` : reason;
    const key = this.#errors.has(short) || this.#errors.size < MOST_REASONS ? short : 'other reasons';
    this.#errors.set(key, (this.#errors.get(key) ?? 0) + 1);
  }

  /**
   * @param windowMs the window's length; where undefined, it ended with the last answer and throughput counts the good
   * answers to its own requests
   */
  result(windowMs: number | undefined): LoadResult {
    const sorted = this.#latencies.slice(0, this.#ok).sort();
    const at = (fraction: number) => (this.#ok === 0 ? null : quantileOfSorted(sorted, fraction));
    const seconds = (windowMs ?? this.#lastMs - this.startMs) / 1000;
    const good = windowMs === undefined ? this.#ok : this.#inWindow;
    return {
      sent: this.answered,
      ok: this.#ok,
      failed: this.#failed,
      throughput: seconds > 0 ? good / seconds : 0,
      latencyMs: {
        mean: this.#ok === 0 ? null : mean(sorted),
        p50: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
        p999: at(0.999),
      },
      errors: Object.fromEntries([...this.#errors].sort((a, b) => b[1] - a[1])),
      ...(this.#labelled > 0 && { top1: this.#correct / this.#labelled }),
      seconds,
    };
  }
}
