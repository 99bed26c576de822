import { describe, expect, it } from 'vitest';
import { checkGradient } from '../../../test/check-gradient.ts';
import { Random } from '../../base/index.ts';
import { type AttributeLike, Tensor } from '../../graph/index.ts';

const ints = (...values: number[]) => Tensor.int64s(values);
const sizes = (random: Random, rank: number, high = 5) => Array.from({ length: rank }, () => 1 + random.integer(high));
/** All of these are linear, so that any step does. */
const check = (
  opType: string,
  inputs: readonly (readonly number[] | Tensor | null)[],
  attributes: Readonly<Record<string, AttributeLike | undefined>> = {},
  more: { outputs?: number; opset?: number; symbolicBatch?: boolean | readonly number[]; seed?: number } = {},
) => checkGradient({ opType, inputs, attributes, step: 1, ...more });

it.each([
  ['Reshape', [[2, 3, 4], ints(0, -1)], {}],
  ['Reshape', [[2, 3, 4], ints(-1, 4)], {}],
  ['Reshape', [[2, 3, 4], ints(0, 2, 6)], {}],
  ['Flatten', [[2, 3, 4]], {}],
  ['Flatten', [[2, 3, 4]], { axis: 0 }],
  ['Flatten', [[2, 3, 4]], { axis: -1 }],
  ['Squeeze', [[2, 1, 4, 1], ints(1, -1)], {}],
  ['Unsqueeze', [[2, 3], ints(0, -1)], {}],
  ['Transpose', [[2, 3, 4]], {}],
  ['Transpose', [[2, 3, 4]], { perm: [1, 2, 0] }],
  ['Transpose', [[2, 3, 4, 2]], { perm: [0, 3, 1, 2] }],
  ['Expand', [[2, 1, 4], ints(3, 2, 5, 4)], {}],
  ['Expand', [[2, 3, 1], ints(1, 1, 4)], {}],
  ['Tile', [[2, 3], ints(1, 3)], {}],
  ['Tile', [[2, 3, 1], ints(2, 1, 4)], {}],
  ['Trilu', [[2, 3, 4]], {}],
  ['Trilu', [[2, 3, 4], Tensor.scalar('int64', -1)], { upper: 0 }],
  ['SpaceToDepth', [[2, 3, 4, 6]], { blocksize: 2 }],
  ['DepthToSpace', [[2, 12, 2, 3]], { blocksize: 2 }],
  ['DepthToSpace', [[2, 12, 2, 3]], { blocksize: 2, mode: 'CRD' }],
] as [string, (readonly number[] | Tensor)[], Record<string, AttributeLike>][])('%s %j %o', async (...of) => {
  for (const symbolicBatch of [false, true]) await check(...of, { symbolicBatch });
});

it('Concat along every axis', async () => {
  for (const axis of [0, 1, 2, -1]) {
    const part = (size: number) => [2, 3, 4].map((dim, i) => (i === (axis + 3) % 3 ? size : dim));
    await check('Concat', [part(1), part(3), part(2)], { axis });
    await check('Concat', [part(1)], { axis });
    await check('Concat', [part(1), part(2)], { axis }, { symbolicBatch: true });
  }
});

it('Split into equal parts, by sizes, and by their number', async () => {
  await check('Split', [[2, 6, 2]], { axis: 1 }, { outputs: 3, symbolicBatch: true });
  await check('Split', [[2, 6, 2], ints(1, 3, 2)], { axis: 1 }, { outputs: 3, symbolicBatch: true });
  await check('Split', [[2, 2, 7]], { axis: -1, num_outputs: 3 }, { outputs: 3, opset: 18, symbolicBatch: true });
  await check('Split', [[5, 2], ints(1, 4)], {}, { outputs: 2 });
});

describe('Slice', () => {
  it('by random bounds and steps, forwards and backwards', async () => {
    const random = new Random(4);
    for (let seed = 0; seed < 24; seed++) {
      const dims = sizes(random, 1 + random.integer(3), 7);
      const axes = random.shuffle(dims.map((_, axis) => axis)).slice(0, 1 + random.integer(dims.length));
      const steps = axes.map(() => random.pick([1, 1, 2, 3, -1, -2]));
      // At least the first or last element is taken.
      const starts = axes.map((axis, i) => {
        const size = dims[axis] as number;
        return random.pick((steps[i] as number) > 0 ? [0, -size, -size - 3, size - 1] : [-1, size - 1, size + 2, 0]);
      });
      const ends = axes.map((axis, i) => {
        const size = dims[axis] as number;
        return (steps[i] as number) > 0
          ? random.pick([size, size + 3, 2 ** 31 - 1])
          : random.pick([-size - 1, -(2 ** 31)]);
      });
      await check('Slice', [dims, ints(...starts), ints(...ends), ints(...axes), ints(...steps)], {}, { seed });
    }
  });

  it('inside', async () => {
    await check('Slice', [[7, 6], ints(1, -4), ints(-2, -1)]);
    await check('Slice', [[7, 9], ints(5, -2), ints(0, 1), ints(0, 1), ints(-2, -3)]);
    await check('Slice', [[4, 9, 3], ints(2), ints(7), ints(-2), ints(2)]);
  });

  it('with a batch that is known when it runs', async () => {
    await check('Slice', [[2, 7, 8, 8], ints(1, 0), ints(6, 8), ints(1, 2), ints(1, 2)], {}, { symbolicBatch: true });
    await check(
      'Slice',
      [[2, 7], ints(0, 6), ints(2 ** 31 - 1, -8), ints(0, 1), ints(1, -1)],
      {},
      { symbolicBatch: true },
    );
  });

  it('of every second pixel, as the shortcut of a ResNet', async () => {
    const halves = [ints(0, 0), ints(2 ** 31 - 1, 2 ** 31 - 1), ints(2, 3), ints(2, 2)];
    for (const size of [6, 7]) await check('Slice', [[2, 3, size, size], ...halves], {}, { symbolicBatch: true });
  });
});

describe('Pad', () => {
  it('constant, also with negative sizes', async () => {
    await check('Pad', [[2, 3, 4], ints(0, 1, 2, 0, 0, 3)], {}, { symbolicBatch: true });
    await check('Pad', [[2, 3, 4], ints(0, -1, 2, 0, 1, -1)], {}, { symbolicBatch: true });
    await check(
      'Pad',
      [[2, 3, 4], ints(1, 2), Tensor.scalar('float64', 7), ints(-1)],
      {},
      { opset: 18, symbolicBatch: true },
    );
    await check('Pad', [[2, 3, 4], ints(0, 0, 0, 0, 0, 0)]);
  });

  it.each(['reflect', 'edge', 'wrap'])('%s', async (mode) => {
    await check('Pad', [[2, 3, 4, 5], ints(0, 0, 2, 3, 0, 0, 1, 4)], { mode }, { opset: 19, symbolicBatch: true });
    await check('Pad', [[3, 4, 5], ints(2, 1, 0, 1, 2, 3)], { mode }, { opset: 19 });
    await check('Pad', [[3, 4], ints(2, 3), null, ints(-1)], { mode }, { opset: 19 });
  });

  it('refuses the gradient of the value that fills', async () => {
    await expect(check('Pad', [[2], ints(1, 1), []])).rejects.toThrow(/no gradient for the value that fills/);
  });
});
