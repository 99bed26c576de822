import { afterAll, describe, expect, it } from 'vitest';
import { expectClose } from '../../../test/expect-close.ts';
import { randomFeeds, runModel } from '../../../test/run-onnx.ts';
import { Meter } from '../../compress/index.ts';
import type { Model } from '../../graph/index.ts';
import { GraphBuilder } from '../../ops/index.ts';
import { chooseMerged } from './choose-merged.ts';
import { mergedModel, type PartToMerge } from './merged-model.ts';

function network(seed: number, width: number, scores: number, blocks = 1): Model {
  const b = new GraphBuilder({ seed });
  let x = b.relu(b.conv(b.input('input', 'float32', ['batch', 3, 8, 8]), { out: width, kernel: 3 }));
  for (let i = 1; i < blocks; i++) x = b.relu(b.add(b.conv(x, { out: width, kernel: 3, padding: 1 }), x));
  b.output('logits', b.linear(b.flatten(b.globalAveragePool(x)), { out: scores }));
  return b.build();
}

/** One of single logit, one of two classes, one of one class with a score for 'other'; classes 3, 0 and 2, 1. */
const parts = (calibrated: boolean): PartToMerge[] =>
  [
    { model: network(1, 4, 1), classes: [3], scale: [2], bias: [-1] },
    { model: network(2, 7, 3), classes: [0, 2], scale: [0.5, 3], bias: [0.25, 1] },
    { model: network(3, 2, 2), classes: [1], scale: [-1], bias: [4] },
  ].map((part) => (calibrated ? part : { model: part.model, classes: part.classes }));

const IMAGES = 2;

async function rowsOf(model: Model): Promise<number[][]> {
  const [scores] = Object.values(await runModel(model, randomFeeds(model, 7, IMAGES)));
  const { data, dims } = scores as unknown as { data: Float32Array; dims: readonly number[] };
  const width = dims[1] as number;
  return Array.from({ length: IMAGES }, (_, i) => [...data.subarray(i * width, (i + 1) * width)]);
}

describe.each([['side-by-side'], ['grouped']] as const)('mergedModel() %s', (form) => {
  it.each([
    ['subtracted', true],
    ['subtracted', false],
    ['dropped', true],
    ['dropped', false],
  ] as const)("joins the parts' scores as a plan does: %s, calibrated %s", async (other, calibrated) => {
    const own = parts(calibrated);
    const merged = await rowsOf(mergedModel(form, own, other));
    const [single = [], pair = [], last = []] = await Promise.all(own.map(({ model }) => rowsOf(model)));
    for (let row = 0; row < IMAGES; row++) {
      const [z = 0] = single[row] ?? [];
      const [o = 0, first = 0, second = 0] = pair[row] ?? [];
      const [rest = 0, third = 0] = last[row] ?? [];
      const less = (score: number, of: number): number => (other === 'subtracted' ? score - of : score);
      const bare = [less(first, o), less(third, rest), less(second, o), z];
      const [a = 0, b = 0, c = 0, d = 0] = bare;
      const expected = calibrated ? [0.5 * a + 0.25, -b + 4, 3 * c + 1, 2 * d - 1] : bare;
      expectClose(merged[row] ?? [], expected, 1e-5, `row ${row}`);
    }
  });

  it('refuses a part that does not score its classes', () => {
    const own = [...parts(false), { model: network(4, 4, 4), classes: [4, 5] }];
    expect(() => mergedModel(form, own, 'dropped')).toThrow(
      "Cannot merge part 4: expected 3 scores, 'other' and the 2 of its classes, received 4",
    );
  });
});

describe('chooseMerged()', () => {
  const meter = new Meter();
  afterAll(() => meter.close());
  const options = { shape: [3, 8, 8] } as const;

  it('measures both forms and takes the faster one', async () => {
    const { form, latencyMs, slowestMs, ungrouped } = await chooseMerged(meter, parts(true), 'subtracted', options);
    const { grouped = 0, 'side-by-side': beside = 0, parts: each } = latencyMs;
    expect(form).toBe(grouped < beside ? 'grouped' : 'side-by-side');
    for (const time of [grouped, beside, each, slowestMs]) expect(time).toBeGreaterThan(0);
    expect(ungrouped).toBeUndefined();
  });

  it('leaves parts of other depths side by side, and says why, unless they are to be grouped', async () => {
    const own = [...parts(true), { model: network(5, 3, 1, 2), classes: [4] }];
    const { form, latencyMs, ungrouped } = await chooseMerged(meter, own, 'subtracted', options);
    expect([form, latencyMs.grouped]).toEqual(['side-by-side', undefined]);
    expect(ungrouped).toMatch(/part 4 has 8 operators, the first one 5/);
    const grouped = chooseMerged(meter, own, 'subtracted', { ...options, only: 'grouped' });
    await expect(grouped).rejects.toThrow('part 4 has 8 operators');
  });
});
