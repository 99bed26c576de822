import { describe, expect, it } from 'vitest';
import { checkGradient } from '../../../test/check-gradient.ts';
import { gradientAt } from '../../../test/gradient-at.ts';
import { Random } from '../../base/index.ts';
import { type AttributeLike, Tensor } from '../../graph/index.ts';

const scales = (...values: number[]) => Tensor.of('float32', [values.length], values);
const ints = (...values: number[]) => Tensor.int64s(values);
/** Linear, in float32 because ONNX Runtime resizes no float64. */
const linear = { dtype: 'float32', step: 1, tolerance: 1e-5 } as const;

const COORDINATES = ['half_pixel', 'pytorch_half_pixel', 'asymmetric', 'align_corners', 'half_pixel_symmetric'];

describe('Resize against ONNX Runtime, by random scales and sizes', () => {
  it.each(COORDINATES)('nearest, %s', async (coordinates) => {
    const random = new Random(6);
    for (let seed = 0; seed < 8; seed++) {
      const dims = [2, 2, 1 + random.integer(7), 1 + random.integer(7)];
      const by = dims.slice(2).map(() => random.pick([0.5, 0.6, 1.5, 2, 3, 2.7]));
      if (dims.slice(2).some((dim, i) => Math.floor(dim * (by[i] as number)) < 1)) continue;
      const attributes = {
        mode: 'nearest',
        coordinate_transformation_mode: coordinates,
        nearest_mode: random.pick(['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil']),
      };
      const sizes = dims.slice(2).map(() => 1 + random.integer(9));
      const target = random.integer(2) === 0 ? [null, scales(1, 1, ...by)] : [null, null, ints(2, 2, ...sizes)];
      await checkGradient({ opType: 'Resize', inputs: [dims, ...target], attributes, opset: 19, seed, ...linear });
    }
  });

  it.each(COORDINATES)('linear, %s', async (coordinates) => {
    const random = new Random(7);
    for (let seed = 0; seed < 6; seed++) {
      const dims = [2, 2, 2 + random.integer(6), 2 + random.integer(6)];
      const attributes = { mode: 'linear', coordinate_transformation_mode: coordinates };
      const by = dims.slice(2).map(() => random.pick([0.6, 1.5, 2, 3, 2.7]));
      const sizes = dims.slice(2).map(() => 1 + random.integer(9));
      const target = random.integer(2) === 0 ? [null, scales(1, 1, ...by)] : [null, null, ints(2, 2, ...sizes)];
      await checkGradient({ opType: 'Resize', inputs: [dims, ...target], attributes, opset: 19, seed, ...linear });
    }
  });

  it.each([
    [[2, 3, 4, 5], [null, scales(1, 1, 2, 2)], {}],
    [[2, 3, 4, 5], [null, scales(1, 1, 2, 3)], { coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' }],
    [[2, 3, 4, 5], [null, scales(2, 1.5)], { axes: [2, 3], mode: 'linear' }],
    [[2, 3, 4, 5], [null, null, ints(7, 3)], { axes: [-1, 2], mode: 'linear' }],
    [[2, 3, 4, 5], [null, null, ints(8, 8)], { axes: [2, 3], keep_aspect_ratio_policy: 'not_larger', mode: 'linear' }],
    [[2, 3, 4, 5], [null, null, ints(8, 8)], { axes: [2, 3], keep_aspect_ratio_policy: 'not_smaller' }],
    [[2, 3, 4], [null, scales(1, 1, 2)], { mode: 'linear' }],
    [[2, 2, 2, 3, 4], [null, scales(1, 1, 2, 1, 3)], {}],
    [[2, 2, 3, 2, 2], [null, scales(1, 1, 2, 1.5, 2)], { mode: 'linear' }],
  ] as [number[], (Tensor | null)[], Record<string, AttributeLike>][])(
    '%j with a symbolic batch %j %o',
    async (dims, target, attributes) => {
      await checkGradient({
        opType: 'Resize',
        inputs: [dims, ...target],
        attributes,
        opset: 19,
        symbolicBatch: true,
        ...linear,
      });
    },
  );

  it('refuses what it cannot do, by name', async () => {
    const inputs = [[1, 1, 4, 4], null, scales(1, 1, 2, 2)];
    const refuses = (attributes: Record<string, AttributeLike>) =>
      expect(checkGradient({ opType: 'Resize', inputs, attributes, opset: 19, ...linear })).rejects;
    await refuses({ mode: 'cubic' }).toThrow(/mode 'cubic' is not supported/);
    await refuses({ mode: 'linear', antialias: 1 }).toThrow(/antialias is not supported/);
  });
});

describe("equals PyTorch's gradient of (F.interpolate(x) * w).sum(), x [1, 1, 2, 2], w = 1, 2, 3, …", () => {
  it.each([
    [
      'scale_factor=2',
      { coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' },
      [4, 4],
      [14, 22, 46, 54],
    ],
    ['size=(3, 5)', { coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' }, [3, 5], [27, 28, 36, 29]],
    [
      "scale_factor=2, mode='bilinear'",
      { mode: 'linear', coordinate_transformation_mode: 'pytorch_half_pixel' },
      [4, 4],
      [16.5, 23.5, 44.5, 51.5],
    ],
    [
      "size=(3, 5), mode='bilinear', align_corners=True",
      { mode: 'linear', coordinate_transformation_mode: 'align_corners' },
      [3, 5],
      [13.75, 21.25, 38.75, 46.25],
    ],
  ] as [string, Record<string, AttributeLike>, [number, number], number[]][])(
    '%s',
    async (_, attributes, [height, width], expected) => {
      const dy = Array.from({ length: height * width }, (_each, i) => i + 1);
      const inputs = [{ dims: [1, 1, 2, 2], values: [0, 0, 0, 0] }];
      const [given = []] = await gradientAt({ inputs, dtype: 'float32', dy }, (b, [x = '']) =>
        b.op('Resize', [x, '', '', b.constant(ints(1, 1, height, width))], attributes),
      );
      for (const [i, value] of expected.entries()) expect(given[i]).toBeCloseTo(value, 4);
    },
  );
});
