import { describe, expect, it } from 'vitest';
import { Random } from '../../base/index.ts';
import { chooseCombination, combinedScores, type PartScores } from './choose-combination.ts';

/** Parts [other, …] of classes 0, 2 and of 1. */
const PARTS: readonly PartScores[] = [
  { classes: [0, 2], logits: Float64Array.of(1, 5, 7, 2, 6, 8) },
  { classes: [1], logits: Float64Array.of(0, -3, 0, -4) },
];

describe('combinedScores()', () => {
  it('has the scores of each part where its classes are', () => {
    const labels = Int32Array.of(0, 0);
    expect([...combinedScores(PARTS, labels, 'dropped').scores]).toEqual([5, -3, 7, 6, -4, 8]);
    expect([...combinedScores(PARTS, labels, 'subtracted').scores]).toEqual([4, -3, 6, 4, -4, 6]);
  });
});

/** Two parts of two classes each; `noise` is in all scores of a part alike where it is not in 'other'. */
function drawnParts(count: number, shift: 'all' | 'other'): { parts: PartScores[]; labels: Int32Array } {
  const random = new Random(5);
  const labels = Int32Array.from({ length: count }, () => random.integer(4));
  const parts = [
    [0, 1],
    [2, 3],
  ].map((classes): PartScores => {
    const logits = new Float64Array(count * 3);
    for (let row = 0; row < count; row++) {
      const noise = 6 * random.normal();
      const own = classes.indexOf(labels[row] as number);
      const clean = [own < 0 ? 3 : 0, own === 0 ? 3 : 0, own === 1 ? 3 : 0];
      const noisy = clean.map((each, i) => each + (shift === 'all' || i === 0 ? noise : 0) + random.normal());
      logits.set(noisy, 3 * row);
    }
    return { classes, logits };
  });
  return { parts, labels };
}

describe('chooseCombination()', () => {
  it('subtracts other where parts are off by as much in all their scores', () => {
    const { parts, labels } = drawnParts(400, 'all');
    const chosen = chooseCombination(parts, labels);
    expect([chosen.other, chosen.calibrated]).toEqual(['subtracted', true]);
    expect(chosen.tried).toHaveLength(4);
  });

  it('drops other where it says nothing', () => {
    const { parts, labels } = drawnParts(400, 'other');
    expect(chooseCombination(parts, labels).other).toBe('dropped');
  });

  it('leaves scores as they are where that is best', () => {
    // Ten images a class whose true logits are these very scores: what is fitted on eight of them is worse.
    const labels = Int32Array.from({ length: 40 }, (_, i) => i % 4);
    const random = new Random(4);
    const parts = [0, 1, 2, 3].map((c) => ({
      classes: [c],
      logits: Float64Array.from({ length: 80 }, (_, i) => {
        const own = labels[(i - 1) / 2] === c ? 1 : 0;
        return i % 2 === 0 ? 0 : own + random.normal();
      }),
    }));
    const { calibrated, scale, bias } = chooseCombination(parts, labels);
    expect([calibrated, [...scale], [...bias]]).toEqual([false, [1, 1, 1, 1], [0, 0, 0, 0]]);
  });

  it('is finite for a few images of some of the classes', () => {
    const { parts, labels } = drawnParts(3, 'other');
    const { scale, bias, quality } = chooseCombination(parts, labels);
    expect([...scale, ...bias, quality.loss].every(Number.isFinite)).toBe(true);
  });

  it('is the same each time, and says how well images are answered that were not fitted on', () => {
    const { parts, labels } = drawnParts(60, 'all');
    const first = chooseCombination(parts, labels, 3);
    expect(chooseCombination(parts, labels, 3)).toEqual(first);
    expect(first.quality.top1).toBeGreaterThan(0.5);
    const noise = new Random(2);
    const random = parts.map(({ classes, logits }) => ({ classes, logits: logits.map(() => 5 * noise.normal()) }));
    // Nothing can be known of four equally frequent classes: no better than log 4.
    expect(chooseCombination(random, labels).quality.loss).toBeGreaterThan(Math.log(4) - 0.05);
  });

  it('takes parts of one class each, whose other is 0, as subtracted', () => {
    const random = new Random(1);
    const labels = Int32Array.from({ length: 40 }, (_, i) => i % 2);
    const parts = [0, 1].map((c) => ({
      classes: [c],
      logits: Float64Array.from({ length: 80 }, (_, i) =>
        i % 2 === 0 ? 0 : (labels[(i - 1) / 2] === c ? 1 : -1) + random.normal(),
      ),
    }));
    expect(chooseCombination(parts, labels).other).toBe('subtracted');
  });
});
