import { describe, expect, it } from 'vitest';
import { expectClose } from '../../../test/expect-close.ts';
import { Random } from '../../base/index.ts';
import {
  calibrateJointly,
  calibrationLoss,
  jointQuality,
  type LabelledScores,
  uncalibrated,
} from './joint-calibration.ts';

/** Images of three classes whose true logits are `scale` · score + `bias`, labelled by chance accordingly. */
function drawn(count: number, scale: readonly number[], bias: readonly number[], seed = 1): LabelledScores {
  const random = new Random(seed);
  const classes = scale.length;
  const scores = Float64Array.from({ length: count * classes }, () => 2 * random.normal());
  const labels = Int32Array.from({ length: count }, (_, row) => {
    const weights = scale.map((a, c) => Math.exp(a * (scores[row * classes + c] as number) + (bias[c] as number)));
    let left = random.uniform() * weights.reduce((sum, each) => sum + each, 0);
    const found = weights.findIndex((each) => {
      left -= each;
      return left < 0;
    });
    return Math.max(0, found);
  });
  return { scores, labels, classes };
}

describe('calibrationLoss()', () => {
  it('has the gradient that differences of its values have', () => {
    const labelled = drawn(40, [1, 2, 0.5], [0, 1, -1]);
    const random = new Random(3);
    const at = Float64Array.from({ length: 6 }, () => random.normal());
    const { gradient } = calibrationLoss(labelled, at, 0.7);
    const step = 1e-5;
    const numeric = at.map((_, i) => {
      const [up, down] = [1, -1].map((side) => {
        const moved = at.slice();
        moved[i] = (moved[i] as number) + side * step;
        return calibrationLoss(labelled, moved, 0.7).value;
      }) as [number, number];
      return (up - down) / (2 * step);
    });
    expectClose(gradient, [...numeric], 1e-8);
  });

  it('is the mean cross-entropy, with what holds the parameters', () => {
    const labelled = { scores: Float64Array.of(0, Math.log(3)), labels: Int32Array.of(0), classes: 2 };
    // Softmax of [0, log 3] is [1/4, 3/4].
    expect(calibrationLoss(labelled, Float64Array.of(1, 1, 0, 0), 5).value).toBeCloseTo(Math.log(4), 12);
    // Scales 3 and 1, biases 0 and log 3: [0, 2 log 3], 1/10; and 5/2 · ((3 − 1)² + log² 3).
    const held = 2.5 * (4 + Math.log(3) ** 2);
    expect(calibrationLoss(labelled, Float64Array.of(3, 1, 0, Math.log(3)), 5).value).toBeCloseTo(
      Math.log(10) + held,
      12,
    );
  });

  it('takes scores of any size', () => {
    const labelled = { scores: Float64Array.of(1e5, -1e5), labels: Int32Array.of(1), classes: 2 };
    expect(calibrationLoss(labelled, Float64Array.of(1, 1, 0, 0), 0).value).toBe(2e5);
  });
});

describe('calibrateJointly()', () => {
  it('gives scores that say nothing the logarithms of how frequent the classes are', () => {
    const labels = Int32Array.from({ length: 60 }, (_, i) => (i < 36 ? 0 : i < 54 ? 1 : 2));
    const { bias, scale } = calibrateJointly({ scores: new Float64Array(180), labels, classes: 3 }, 1e-6);
    expectClose(
      bias.map((each) => each - (bias[0] as number)),
      [0, Math.log(18 / 36), Math.log(6 / 36)],
      1e-5,
    );
    expectClose(scale, [1, 1, 1], 1e-6);
  });

  it('finds the scales and biases that the labels were drawn with', () => {
    const [scale, bias] = [
      [1.5, 0.5, 1],
      [0.5, 0, -0.5],
    ];
    const found = calibrateJointly(drawn(20_000, scale, bias));
    expectClose(found.scale, scale, 0.06);
    expectClose(found.bias, bias, 0.06);
  });

  it('answers the images that it was fitted on no worse than without', () => {
    for (let seed = 0; seed < 10; seed++) {
      const labelled = drawn(30, [3, 0.2, 1], [2, 0, -2], seed);
      const before = jointQuality(labelled, uncalibrated(3)).loss;
      expect(jointQuality(labelled, calibrateJointly(labelled)).loss).toBeLessThanOrEqual(before);
    }
  });

  it('leaves scores as they are that nothing is known of', () => {
    const none = { scores: new Float64Array(), labels: new Int32Array(), classes: 2 };
    expect(calibrateJointly(none)).toEqual(uncalibrated(2));
  });
});

it('jointQuality() counts what is right and how sure it is', () => {
  const scores = Float64Array.of(0, Math.log(3), 0, Math.log(3), 0, 0);
  const labelled = { scores, labels: Int32Array.of(1, 0, 0), classes: 2 };
  const { loss, top1 } = jointQuality(labelled, uncalibrated(2));
  expect([loss, top1]).toEqual(
    [(Math.log(4 / 3) + Math.log(4) + Math.log(2)) / 3, 2 / 3].map((n) => expect.closeTo(n, 12)),
  );
  expect(jointQuality(labelled, uncalibrated(2), [0]).top1).toBe(1);
});
