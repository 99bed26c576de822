/** A classifier of three classes that computes its logits here: row [a, b, c] → gain · [a, b, c]. */
import type { ModelRunner } from '../src/plan/model-predictor.ts';
import type { ScoreScale } from '../src/plan/predictor.ts';

export function fakeModel(gain: number, scale: ScoreScale = 'logits'): ModelRunner {
  return {
    classes: 3,
    scale,
    inputSize: 3,
    expectedMs: (count) => count * gain,
    run: async (count, fill) => {
      const scores = new Float32Array(count * 3);
      fill(scores);
      // Later runs may finish earlier, as on threads.
      await new Promise((resolve) => setTimeout(resolve, count % 3));
      return { scores: scores.map((score) => score * gain), computeMs: 1 };
    },
  };
}

/** Logits from sure (5 against 0) to unsure (0.1 against 0), another class each time, all different. */
export function image(i: number): Float32Array {
  const row = new Float32Array(3);
  row[i % 3] = 5 - (i % 40) * 0.12;
  return row;
}
