import { describe, expect, it } from 'vitest';
import { expectClose } from '../../../test/expect-close.ts';
import { Tensor } from '../../graph/index.ts';
import { GraphBuilder } from '../../ops/index.ts';
import { matrix } from '../matrix.ts';
import { compensateMasked } from './compensate-masked.ts';

/** Two outputs of three inputs, as a convolution or a matrix product. */
function layer(kind: 'Conv' | 'MatMul', weights: readonly number[]) {
  const b = new GraphBuilder();
  const conv = kind === 'Conv';
  const x = b.input('x', 'float32', conv ? ['n', 3, 4, 4] : ['n', 3]);
  const w = b.parameter('w', conv ? [2, 3, 1, 2] : [3, 2], Float32Array.from(weights));
  b.output('y', b.op(kind, [x, w], {}));
  const model = b.build();
  return { model, name: model.graph.nodes[0]?.name || (model.graph.nodes[0]?.outputs[0] ?? '') };
}

// The mean of the diagonal is 1, the ridge 0.01.
const CHANNELS = matrix(3, 3, Float64Array.of(1, 0.5, 0.6, 0.5, 1, 0.3, 0.6, 0.3, 1));

function spoken(kind: 'Conv' | 'MatMul', weights: readonly number[], mask: readonly number[]) {
  const { model, name } = layer(kind, weights);
  const moments = new Map([[name, { channels: CHANNELS }]]);
  const after = compensateMasked(model, new Map([['w', Uint8Array.from(mask)]]), moments);
  return { model, weights: [...(after.graph.initializers.get('w')?.float32s() ?? [])] };
}

describe('compensateMasked()', () => {
  it('solves the normal equations of each row by itself', () => {
    // By output, input, and place in the window: the first row keeps inputs 0 and 1, the second 2, the others everything.
    const weights = [1, 5, 2, 6, 4, 7, 1, 1, 1, 1, 1, 1];
    const mask = [1, 0, 1, 0, 0, 1, 1, 1, 1, 1, 1, 1];
    const determinant = 1.01 ** 2 - 0.25;
    const first = [
      1 + (4 * (1.01 * 0.6 - 0.5 * 0.3)) / determinant,
      2 + (4 * (1.01 * 0.3 - 0.5 * 0.6)) / determinant,
    ] as const;
    const second = 7 + (0.6 * 5 + 0.3 * 6) / 1.01;
    const expected = [first[0], 5, first[1], 6, 4, second, 1, 1, 1, 1, 1, 1];
    expectClose(spoken('Conv', weights, mask).weights, expected, 1e-6);
  });

  it('finds the rows of weights that are [in, out]', () => {
    const { weights } = spoken('MatMul', [1, 1, 2, 1, 4, 1], [0, 1, 1, 1, 0, 1]);
    expectClose(weights, [1, 1, 2 + (0.5 * 1 + 0.3 * 4) / 1.01, 1, 4, 1], 1e-6);
  });

  it('has nothing to say where nothing goes, nothing stays, or nothing is known', () => {
    const weights = [1, 5, 0, 6, 4, 7, 1, 1, 1, 1, 1, 1];
    // The second output has no weight left; of the first only a zero goes.
    expect(spoken('Conv', weights, [1, 1, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0]).weights).toEqual(weights);
    const { model } = layer('Conv', weights);
    const mask = new Map([['w', new Uint8Array(12)]]);
    expect(compensateMasked(model, mask, new Map())).toBe(model);
    const silent = new Map(model.graph.nodes.map(({ name }) => [name, { channels: matrix(3, 3) }] as const));
    expect(compensateMasked(model, mask, silent)).toBe(model);
  });

  it('leaves other tensors alone', () => {
    const { model, name } = layer('Conv', Array(12).fill(1));
    const moments = new Map([[name, { channels: CHANNELS }]]);
    expect(compensateMasked(model, new Map([['v', new Uint8Array(12)]]), moments)).toBe(model);
    expect(model.graph.initializers.get('w')).toBeInstanceOf(Tensor);
  });
});
