/** The rates of torch.optim.lr_scheduler (PyTorch 2.15.0), of the classes and arguments that each test names. */
import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/expect-close.ts';
import { learningRates, type ScheduleOptions } from './schedule.ts';

const all = (options: Omit<ScheduleOptions, 'rate'>): number[] =>
  Array.from({ length: options.steps }, (_, step) => learningRates({ ...options, rate: 0.2 })(step));

describe('learningRates() equals PyTorch', () => {
  it('OneCycleLR(max_lr=0.2, total_steps=20)', () => {
    expectClose(
      all({ kind: 'one-cycle', steps: 20 }),
      [
        0.008, 0.026334369, 0.074334369, 0.13366563, 0.18166563, 0.2, 0.1974928, 0.19009693, 0.17818324, 0.16234913,
        0.1433886, 0.1222524, 0.1000004, 0.077748396, 0.0566122, 0.037651669, 0.021817564, 0.0099038736, 0.0025079988,
        8e-7,
      ],
      1e-7,
    );
  });

  it('CosineAnnealingLR(T_max=10)', () => {
    const expected = [
      0.2, 0.19510565, 0.1809017, 0.15877853, 0.1309017, 0.1, 0.069098301, 0.041221475, 0.019098301, 0.0048943484,
    ];
    expectClose(all({ kind: 'cosine', steps: 10 }), expected, 1e-7);
  });

  it('SequentialLR of LinearLR(start_factor=1/5, total_iters=4) and CosineAnnealingLR(T_max=8)', () => {
    const expected = [
      0.04, 0.08, 0.12, 0.16, 0.2, 0.19238795, 0.17071068, 0.13826834, 0.1, 0.061731657, 0.029289322, 0.0076120467,
    ];
    expectClose(all({ kind: 'cosine', steps: 12, warmupSteps: 4 }), expected, 1e-7);
  });

  it('MultiStepLR(milestones=[5, 8], gamma=0.2)', () => {
    const expected = [0.2, 0.2, 0.2, 0.2, 0.2, 0.04, 0.04, 0.04, 0.008, 0.008];
    expectClose(all({ kind: 'step', steps: 10, milestones: [0.5, 0.8], gamma: 0.2 }), expected, 1e-7);
  });
});

describe('learningRates()', () => {
  it.each([
    [50 * 391, 0.28, 14 * 391],
    [20, 0.55, 11],
    [100, 0.07, 7],
  ])(
    'of %i steps fall after a share of %d at step %i, whatever the product of the two rounds to',
    (steps, share, fall) => {
      const at = learningRates({ kind: 'step', rate: 1, steps, milestones: [share] });
      expectClose([at(fall - 1), at(fall)], [1, 0.1], 1e-12);
    },
  );

  it.each(['constant', 'step', 'cosine', 'one-cycle'] as const)('%s is above 0 at every step, however few', (kind) => {
    for (const steps of [1, 2, 3, 4, 7]) {
      for (const rate of all({ kind, steps })) {
        expect(rate).toBeGreaterThan(0);
        expect(rate).toBeLessThanOrEqual(0.2);
      }
    }
  });

  it.each([
    [{ rate: Number.NaN }, 'the rate must be above 0, received NaN'],
    [{ rate: -1 }, 'the rate must be above 0, received -1'],
    [{ warmupSteps: 10 }, 'the warm-up must be shorter than the 10 steps, received 10'],
    [{ milestones: [30, 60] }, 'milestones must be shares'],
  ])('refuses %o', (wrong, message) => {
    expect(() => learningRates({ kind: 'step', rate: 0.1, steps: 10, ...wrong })).toThrow(message);
  });
});
