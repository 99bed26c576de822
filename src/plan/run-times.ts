/** What each model of a plan ran, and for how long inside ONNX Runtime. */
import { median } from '../base/index.ts';

interface Run {
  readonly rows: number;
  readonly ms: number;
}

export class RunTimes {
  readonly #runs = new Map<string, Run[]>();

  readonly add = (path: string, rows: number, ms: number): void => {
    const runs = this.#runs.get(path);
    if (runs === undefined) this.#runs.set(path, [{ rows, ms }]);
    else runs.push({ rows, ms });
  };

  /** Forgets everything, as after a warm-up. */
  clear(): void {
    this.#runs.clear();
  }

  /** Median milliseconds a run of one model; NaN if it did not run. */
  medianMs(path: string): number {
    return median((this.#runs.get(path) ?? []).map(({ ms }) => ms));
  }

  /**
   * Milliseconds of one thread that an image costs on average: for each model its rows times its median milliseconds a
   * row (the median, since single runs are disturbed), over all images that the plan answered.
   */
  msPerImage(images: number): number {
    let total = 0;
    for (const runs of this.#runs.values()) {
      const rows = runs.reduce((sum, run) => sum + run.rows, 0);
      total += rows * median(runs.map((run) => run.ms / run.rows));
    }
    return total / images;
  }
}
