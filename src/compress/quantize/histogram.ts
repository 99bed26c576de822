/** How often a value lay where, in bins of one width between the least and the greatest that was seen. */

/** As many as TensorRT and ONNX Runtime take for calibration by entropy. */
export const BINS = 2048;

export class Histogram {
  readonly low: number;
  readonly high: number;
  readonly counts: Float64Array;

  constructor(low: number, high: number, counts: Float64Array = new Float64Array(BINS)) {
    this.low = low;
    this.high = high;
    this.counts = counts;
  }

  /** Of one bin; 0 where only one number was seen. */
  get width(): number {
    return (this.high - this.low) / this.counts.length;
  }

  /** The middle of a bin. */
  center(bin: number): number {
    return this.low + (bin + 0.5) * this.width;
  }

  /** Counts numbers from `low` to `high`; the last bin has its end, too, as in numpy.histogram. */
  add(values: ArrayLike<number>): void {
    const { low, counts } = this;
    const last = counts.length - 1;
    const perUnit = this.width === 0 ? 0 : 1 / this.width;
    for (let i = 0; i < values.length; i++) {
      // Nothing lies below, so that cutting is rounding down.
      const bin = (((values[i] as number) - low) * perUnit) | 0;
      const at = bin > last ? last : bin;
      counts[at] = (counts[at] as number) + 1;
    }
  }

  get total(): number {
    let total = 0;
    for (const count of this.counts) total += count;
    return total;
  }
}
