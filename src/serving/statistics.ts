/** Counts what Triton's statistics extension reports of one model version: requests, batches, and where their time went. */
import type { DurationStatistics, ModelStatistics } from './protocol.ts';

class Duration {
  #count = 0;
  #ms = 0;

  add(ms: number, count = 1): void {
    this.#count += count;
    this.#ms += ms;
  }

  get snapshot(): DurationStatistics {
    return { count: this.#count, ns: Math.round(this.#ms * 1e6) };
  }
}

const NEVER: DurationStatistics = { count: 0, ns: 0 };

export class StatisticsCounter {
  readonly #success = new Duration();
  readonly #fail = new Duration();
  readonly #input = new Duration();
  readonly #output = new Duration();
  readonly #batches = new Map<number, Duration>();
  #lastInference = 0;
  #inferences = 0;
  #queueMs = 0;
  #inferMs = 0;
  #executions = 0;

  /** A request of `rows` images was answered, so long after it was received. */
  succeeded(rows: number, totalMs: number): void {
    this.#success.add(totalMs);
    this.#inferences += rows;
    this.#lastInference = Date.now();
  }

  failed(totalMs: number): void {
    this.#fail.add(totalMs);
  }

  /** What a request waited before one of the plan's models. */
  queued(ms: number): void {
    this.#queueMs += ms;
  }

  /** The batches of one of the plan's models that a request was part of took so long. */
  computed(ms: number): void {
    this.#inferMs += ms;
  }

  /** Turning the request into rows for the model, decoding included. */
  prepared(ms: number): void {
    this.#input.add(ms);
  }

  /** One run of a model over a batch. */
  executed(rows: number, computeMs: number): void {
    this.#executions++;
    const batch = this.#batches.get(rows);
    if (batch === undefined) {
      const first = new Duration();
      first.add(computeMs);
      this.#batches.set(rows, first);
    } else batch.add(computeMs);
  }

  /** Turning scores into what the request asked for. */
  finished(ms: number): void {
    this.#output.add(ms);
  }

  snapshot(name: string, version: string): ModelStatistics {
    return {
      name,
      version,
      last_inference: this.#lastInference,
      inference_count: this.#inferences,
      execution_count: this.#executions,
      inference_stats: {
        success: this.#success.snapshot,
        fail: this.#fail.snapshot,
        // Of requests, as Triton counts them: one that a cascade asks two models for is one.
        queue: this.#perRequest(this.#queueMs),
        compute_input: this.#input.snapshot,
        compute_infer: this.#perRequest(this.#inferMs),
        compute_output: this.#output.snapshot,
        cache_hit: NEVER,
        cache_miss: NEVER,
      },
      batch_stats: [...this.#batches]
        .sort(([a], [b]) => a - b)
        .map(([batch_size, duration]) => ({
          batch_size,
          compute_input: NEVER,
          compute_infer: duration.snapshot,
          compute_output: NEVER,
        })),
    };
  }

  #perRequest(ms: number): DurationStatistics {
    return { count: this.#success.snapshot.count, ns: Math.round(ms * 1e6) };
  }
}
