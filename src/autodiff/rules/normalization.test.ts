import { describe, expect, it } from 'vitest';
import { checkGradient } from '../../../test/check-gradient.ts';
import { expectClose } from '../../../test/expect-close.ts';
import { gradientAt } from '../../../test/gradient-at.ts';
import { Random } from '../../base/index.ts';
import { GraphBuilder } from '../../ops/index.ts';
import { gradientModel } from '../gradient-model.ts';

const upTo = (random: Random, high: number, low = 1) => low + random.integer(high - low + 1);

/** Operators that ONNX Runtime has in float32 only: differences over a longer way, less exact. */
const BENDING = { dtype: 'float32', step: 5e-3, tolerance: 5e-3 } as const;

describe('BatchNormalization', () => {
  it('by given statistics: gradients of all five inputs', async () => {
    const random = new Random(1);
    for (let seed = 0; seed < 8; seed++) {
      const channels = upTo(random, 4);
      const rest = Array.from({ length: random.integer(4) }, () => upTo(random, 4));
      await checkGradient({
        opType: 'BatchNormalization',
        inputs: [[upTo(random, 4), channels, ...rest], ...Array.from({ length: 4 }, () => [channels])],
        attributes: { epsilon: random.uniform(1e-5, 0.1) },
        draw: (r, input) => (input === 4 ? r.uniform(0.5, 2) : r.normal()),
        symbolicBatch: seed % 2 === 0 ? [0] : [],
        seed,
      });
    }
  });
});

describe('LayerNormalization and RMSNormalization', () => {
  it.each(['LayerNormalization', 'RMSNormalization'])('%s over the last axes', async (opType) => {
    const random = new Random(2);
    for (let seed = 0; seed < 8; seed++) {
      const rank = upTo(random, 4, 2);
      const dims = Array.from({ length: rank }, () => upTo(random, 4, 2));
      const axis = upTo(random, rank - 1);
      const parameter = dims.slice(axis);
      const layer = opType === 'LayerNormalization';
      await checkGradient({
        opType,
        opset: layer ? 17 : 23,
        inputs: [dims, parameter, ...(layer && random.integer(2) === 0 ? [parameter] : [])],
        attributes: { axis: random.pick([axis, axis - rank]), epsilon: random.uniform(1e-4, 0.1) },
        symbolicBatch: seed % 2 === 0 ? [0] : [],
        tolerance: 1e-5,
        seed,
      });
    }
  });
});

describe('LayerNormalization in float32', () => {
  it('by the statistics that the operator gives, on large means, too', async () => {
    for (const [seed, mean] of [0, 20].entries()) {
      await checkGradient({
        opType: 'LayerNormalization',
        inputs: [[3, 4, 6], [6], [6]],
        attributes: { axis: -1, epsilon: 0.01 },
        draw: (r, input) => r.normal() + (input === 0 ? mean : 0),
        symbolicBatch: [0],
        ...BENDING,
        seed,
      });
    }
  });

  it('computes no statistics again', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', ['batch', 5, 8]);
    const y = b.op('LayerNormalization', [x, b.parameter('scale', [8], 1), b.parameter('shift', [8], 0)]);
    b.output('y', y);
    const { nodes } = gradientModel(b.build(), { loss: 'mse', inputs: true }).graph;
    expect(nodes.filter(({ opType }) => opType === 'Sqrt' || opType === 'Reciprocal')).toEqual([]);
    expect(nodes.find(({ opType }) => opType === 'LayerNormalization')?.outputs).toHaveLength(3);
  });
});

describe('InstanceNormalization and GroupNormalization', () => {
  it('InstanceNormalization over one to three axes', async () => {
    const random = new Random(3);
    for (let seed = 0; seed < 6; seed++) {
      const channels = upTo(random, 4);
      await checkGradient({
        opType: 'InstanceNormalization',
        inputs: [
          [upTo(random, 3), channels, ...Array.from({ length: 1 + (seed % 3) }, () => upTo(random, 4, 2))],
          [channels],
          [channels],
        ],
        attributes: { epsilon: random.uniform(1e-4, 0.1) },
        symbolicBatch: seed % 2 === 0 ? [0] : [],
        ...BENDING,
        seed,
      });
    }
  });

  it.each([18, 21])('GroupNormalization of opset %i', async (opset) => {
    const random = new Random(4);
    for (let seed = 0; seed < 6; seed++) {
      const [groups, each] = [upTo(random, 3), upTo(random, 3)];
      const parameter = [opset === 18 ? groups : groups * each];
      await checkGradient({
        opType: 'GroupNormalization',
        opset,
        inputs: [
          [upTo(random, 3), groups * each, ...Array.from({ length: seed % 3 }, () => upTo(random, 4, 2))],
          parameter,
          parameter,
        ],
        // Statistics in float64 (11), where the operator would take float32 for them.
        attributes: { num_groups: groups, epsilon: 0.1, stash_type: opset === 18 ? undefined : 11 },
        symbolicBatch: seed % 2 === 0 ? [0] : [],
        seed,
        tolerance: 1e-5,
      });
    }
  });
});

it('MeanVarianceNormalization over the axes given or over all but the channels', async () => {
  for (const [i, axes] of [undefined, [2, 3], [1, -1]].entries()) {
    await checkGradient({
      opType: 'MeanVarianceNormalization',
      inputs: [[3, 2, 4, 3]],
      attributes: { axes },
      symbolicBatch: i > 0,
      ...BENDING,
    });
  }
});

it('MeanVarianceNormalization of a map of one value has a finite slope: (dy − mean(dy)) / 10⁻⁹', async () => {
  const point = { inputs: [{ dims: [1, 1, 1, 4], values: [3, 3, 3, 3] }], dtype: 'float32', dy: [1, 2, 3, 6] } as const;
  const [dx = []] = await gradientAt(point, (b, x) => b.op('MeanVarianceNormalization', x));
  expectClose(
    dx.map((value) => value * 1e-9),
    [-2, -1, 0, 3],
    1e-6,
  );
});

it('LpNormalization of order 1 and 2', async () => {
  for (const p of [1, 2]) {
    for (const axis of [0, 1, -1]) {
      await checkGradient({
        opType: 'LpNormalization',
        inputs: [[3, 4, 2]],
        attributes: { p, axis },
        draw: (r) => r.uniform(0.5, 2) * (r.integer(2) === 0 ? 1 : -1),
      });
    }
  }
});

it('LRN over neighbouring channels, as many as ONNX Runtime allows: an odd number', async () => {
  for (const size of [1, 3, 5]) {
    await checkGradient({
      opType: 'LRN',
      inputs: [[2, 6, 3, 2]],
      attributes: { size, alpha: 0.5, beta: 0.6, bias: 1.5 },
      symbolicBatch: true,
      ...BENDING,
    });
  }
});
