import { describe, expect, it } from 'vitest';
import { Random } from '../base/index.ts';
import { calibrate, type PairRecord } from './calibrate.ts';

type Row = [confidence: number, smallRight: 0 | 1, bigRight: 0 | 1];
const recordOf = (rows: readonly Row[], bigConfidence = 0.99): PairRecord => ({
  confidence: Float64Array.from(rows, ([confidence]) => confidence),
  bigConfidence: new Float64Array(rows.length).fill(bigConfidence),
  smallRight: Uint8Array.from(rows, ([, small]) => small),
  bigRight: Uint8Array.from(rows, ([, , big]) => big),
});
const repeat = (count: number, row: Row): Row[] => Array.from({ length: count }, () => row);
const COSTS = { smallMs: 1, bigMs: 3 };

describe('calibrate()', () => {
  it('walks the trade-off curve, a point for each distinct confidence', () => {
    const { curve, smallAccuracy, bigAccuracy, differing } = calibrate(
      recordOf([
        [0.95, 1, 0],
        [0.9, 1, 1],
        [0.6, 0, 1],
        [0.6, 0, 1],
        [0.4, 0, 0],
      ]),
      COSTS,
    );
    expect([smallAccuracy, bigAccuracy, differing]).toEqual([0.4, 0.6, 3]);
    // Kept: the first row alone; two; four; all. Thresholds are short decimals between the confidences.
    expect(curve.map(({ threshold }) => threshold)).toEqual([0.93, 0.8, 0.5, 0.2]);
    expect(curve.map(({ share }) => Number(share.toFixed(9)))).toEqual([0.8, 0.6, 0.2, 0]);
    expect(curve.map(({ accuracy }) => Number(accuracy.toFixed(9)))).toEqual([0.8, 0.8, 0.4, 0.4]);
    // 3 / (1 + share · 3)
    expect(curve[0]?.speedup).toBeCloseTo(3 / 3.4, 9);
    expect(curve[3]?.speedup).toBeCloseTo(3, 9);
    // D = 1, Σd² = 1, n = 5: (1 − 0.8416 · √(1 + 1 − 1/5)) / 5
    expect(curve[0]?.lowerBound).toBeCloseTo((1 - 0.8416 * Math.sqrt(1.8)) / 5, 9);
  });

  it('picks the lowest threshold that passes', () => {
    // D: +20 after the sure rows, then 10 rows at 0.7 that cost 10, then 100 that cost 100.
    const rows: Row[] = [
      ...repeat(1000, [0.99, 1, 1]),
      ...repeat(20, [0.95, 1, 0]),
      ...repeat(10, [0.7, 0, 1]),
      ...repeat(100, [0.5, 0, 1]),
    ];
    expect(calibrate(recordOf(rows), COSTS).picked?.threshold).toBe(0.6);
    // 80 more rows may be lost with 10 % of 1130, and the doubt is √131 · 0.84 < 10: still not all 100.
    expect(calibrate(recordOf(rows), { ...COSTS, maxDrop: 0.05 }).picked?.threshold).toBe(0.6);
    expect(calibrate(recordOf(rows), { ...COSTS, maxDrop: 0.1 }).candidate?.share).toBe(0);
  });

  it('is not taken in by a dip that recovers', () => {
    // D falls to −30 between 0.9 and 0.7 and comes back to +30.
    const rows: Row[] = [
      ...repeat(1000, [0.99, 1, 1]),
      ...repeat(5, [0.97, 1, 0]),
      ...repeat(35, [0.8, 0, 1]),
      ...repeat(60, [0.6, 1, 0]),
    ];
    const { picked, curve } = calibrate(recordOf(rows), COSTS);
    expect(curve.at(-1)?.lowerBound).toBeGreaterThan(0);
    expect(picked?.threshold).toBe(0.9);
  });

  it('goes by the likeliest threshold, and warns, where none is sure', () => {
    // D rises to 2, above its doubt of 0.84 · √(2 + 1 − 4/23), and falls back to 1.
    const rows = [...repeat(20, [0.9, 1, 1]), ...repeat(2, [0.9, 1, 0]), ...repeat(1, [0.6, 0, 1])];
    const sure = calibrate(recordOf(rows), COSTS);
    expect(sure.picked).toMatchObject({ threshold: 0.8, passes: true });
    // D rises to 1, below its doubt of 0.84 · √(1 + 1 − 1/22), and falls back to 0.
    const unsure = calibrate(recordOf([...repeat(20, [0.9, 1, 1]), [0.9, 1, 0], [0.6, 0, 1]]), COSTS);
    expect(unsure).toMatchObject({ verdict: 'pays', picked: { threshold: 0.8, passes: false } });
    expect(unsure.warnings[0]).toContain('differ on only 2 of 22 images');
    expect(unsure.warnings[1]).toContain('no threshold keeps the accuracy with 80 % confidence');
  });

  it('takes agreement throughout for what it is: no sign that the big model is needed', () => {
    const rows = [...repeat(10, [0.9, 1, 1]), ...repeat(10, [0.7, 1, 1])];
    const { verdict, picked, warnings } = calibrate(recordOf(rows), COSTS);
    expect({ verdict, picked }).toEqual({ verdict: 'small-suffices', picked: undefined });
    expect(warnings[0]).toContain('differ on only 0 of 20 images');
  });

  it('picks nothing where the small model is worse from the first', () => {
    const worse = calibrate(recordOf(repeat(100, [0.9, 0, 1])), COSTS);
    expect(worse).toMatchObject({ verdict: 'inaccurate', candidate: undefined, picked: undefined });
  });

  it('picks nothing where the big model would never be asked: the small one suffices', () => {
    // The small model is better where it is unsure, too: D rises from 0 to 50.
    const better = [...repeat(500, [0.9, 1, 1]), ...repeat(50, [0.6, 1, 0])];
    const { verdict, picked, candidate } = calibrate(recordOf(better), COSTS);
    expect({ verdict, picked, share: candidate?.share }).toEqual({
      verdict: 'small-suffices',
      picked: undefined,
      share: 0,
    });
    // Right on the same images throughout, sure to a different degree of each.
    const alike = Array.from({ length: 400 }, (_, i): Row => [0.5 + i / 1000, 1, 1]);
    expect(calibrate(recordOf(alike), COSTS)).toMatchObject({ verdict: 'small-suffices', picked: undefined });
    expect(calibrate(recordOf(alike), COSTS).warnings.join()).toContain('goes by the likeliest');
  });

  it('picks nothing where the cascade would be no faster: nearly everything goes on, or the small one costs more', () => {
    // Kept: 40 rows of 440, all that is even; 1 + (400 / 440) · 3 > 3.
    const hard = [...repeat(40, [0.9, 1, 0]), ...repeat(400, [0.6, 0, 1])];
    expect(calibrate(recordOf(hard), COSTS)).toMatchObject({ verdict: 'too-slow', picked: undefined });
    const better = [...repeat(500, [0.9, 1, 1]), ...repeat(50, [0.6, 1, 0])];
    const swapped = calibrate(recordOf(better), { smallMs: 3, bigMs: 1 });
    expect(swapped).toMatchObject({ verdict: 'too-slow', picked: undefined });
  });

  it('says that there are no scores where none is a number', () => {
    const record = recordOf(repeat(10, [Number.NaN, 1, 1]));
    expect(calibrate(record, COSTS)).toMatchObject({ verdict: 'no-scores', picked: undefined });
  });

  it('never keeps a row whose confidence is not a number', () => {
    const { curve } = calibrate(
      recordOf([
        [Number.NaN, 1, 0],
        [0.9, 1, 1],
      ]),
      COSTS,
    );
    expect(curve.map(({ share }) => share)).toEqual([0.5]);
  });

  it('warns of images that the models seem to have been trained on', () => {
    const right = (accuracy: number, confidence: number): Row[] =>
      Array.from({ length: 1000 }, (_, i): Row => [confidence, i < accuracy * 1000 ? 1 : 0, i < 970 ? 1 : 0]);
    const seen = calibrate(recordOf(right(0.95, 0.945), 0.965), COSTS);
    expect(seen.warnings.join()).toContain('held-out');
    const unseen = calibrate(recordOf(right(0.95, 0.98), 0.99), COSTS);
    expect(unseen.warnings.join()).not.toContain('held-out');
  });

  it('guesses nothing of images where the data says whether they are held out', () => {
    // Less sure than right, as networks are that saw many images a few times: on unseen images, too.
    const rows = Array.from({ length: 1000 }, (_, i): Row => [0.97, i < 980 ? 1 : 0, i < 990 ? 1 : 0]);
    const warned = (more: object) => calibrate(recordOf(rows, 0.98), { ...COSTS, ...more }).warnings.join();
    expect(warned({})).toContain('unless these are other images, calibrate on held-out ones');
    expect(warned({ heldOut: true })).not.toContain('held-out');
    expect(warned({ heldOut: false })).toContain('these are training images');
    expect(warned({ heldOut: false })).not.toContain('unless');
  });

  it('refuses no rows and drops that are no fraction', () => {
    expect(() => calibrate(recordOf([]), COSTS)).toThrow('expected labelled images, received none');
    expect(() => calibrate(recordOf([[0.9, 1, 1]]), { ...COSTS, maxDrop: 2 })).toThrow('between 0 and 1, received 2');
  });

  /**
   * Images whose difficulty u is uniform in [0, 1]: the small model's confidence is 1 − u/2; it is right alone with
   * probability 0.04·u and the big one alone with 0.16·u². The expected difference of keeping all up to u is
   * 0.02·u² − 0.053·u³, so the true break-even is u = 3/8, a confidence of 0.8125.
   */
  it('holds on other images far more often than the lowest threshold that happens to be even', () => {
    const random = new Random(11);
    const trials = 100;
    let guardedHolds = 0;
    let luckyHolds = 0;
    for (let trial = 0; trial < trials; trial++) {
      const rows = Array.from({ length: 2000 }, (): Row => {
        const u = random.uniform();
        const luck = random.uniform();
        if (luck < 0.04 * u) return [1 - u / 2, 1, 0];
        return luck < 0.04 * u + 0.16 * u * u ? [1 - u / 2, 0, 1] : [1 - u / 2, 1, 1];
      });
      const { curve, picked, bigAccuracy } = calibrate(recordOf(rows), COSTS);
      const lucky = curve.findLast(({ accuracy }) => accuracy >= bigAccuracy);
      if ((picked?.threshold ?? 1) >= 0.8125) guardedHolds++;
      if ((lucky?.threshold ?? 1) >= 0.8125) luckyHolds++;
    }
    expect(luckyHolds / trials).toBeLessThan(0.45);
    expect(guardedHolds / trials).toBeGreaterThan(0.65);
  });
});
