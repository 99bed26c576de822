/**
 * What a Prometheus histogram counts, as plain numbers: on the way of every request it costs a short search and two
 * additions, where a general metrics library looks its labels up. The page is made of them when it is asked for.
 */
export class BucketCounts {
  /** Upper bounds of the buckets, ascending; one more, without a bound, follows. */
  readonly bounds: readonly number[];
  readonly #counts: Float64Array;
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const { bounds } = this;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket++;
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.#sum += value;
  }

  get sum(): number {
    return this.#sum;
  }

  /** Of each bound how many values were at most that, and last how many there were in all. */
  get cumulative(): number[] {
    let total = 0;
    return Array.from(this.#counts, (count) => {
      total += count;
      return total;
    });
  }
}
