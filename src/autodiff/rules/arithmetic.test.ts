import { describe, expect, it } from 'vitest';
import { checkGradient } from '../../../test/check-gradient.ts';
import { gradientAt, vector } from '../../../test/gradient-at.ts';
import { Random } from '../../base/index.ts';
import { Tensor } from '../../graph/index.ts';

/** Shapes that broadcast to one another. */
function broadcastable(random: Random, count: number): number[][] {
  const full = Array.from({ length: 1 + random.integer(4) }, () => 1 + random.integer(4));
  return Array.from({ length: count }, () =>
    full.slice(random.integer(full.length + 1)).map((dim) => (random.integer(3) === 0 ? 1 : dim)),
  );
}

const normal = (random: Random) => random.normal();
/** Away from 0 on both sides. */
const apart = (random: Random) => (random.integer(2) === 0 ? 1 : -1) * random.uniform(0.5, 2);
const positive = (random: Random) => random.uniform(0.5, 2);

describe('of two and more values, broadcast', () => {
  it.each([
    ['Add', 2, normal],
    ['Sub', 2, normal],
    ['Mul', 2, normal],
    ['Div', 2, apart],
    ['Pow', 2, positive],
    ['Max', 1, normal],
    ['Max', 2, normal],
    ['Max', 3, normal],
    ['Min', 3, normal],
    ['Sum', 3, normal],
  ] as const)('%s of %i', async (opType, count, draw) => {
    const random = new Random(count);
    for (let seed = 0; seed < 8; seed++)
      await checkGradient({ opType, inputs: broadcastable(random, count), draw, seed });
  });

  it('Mean', async () => {
    const random = new Random(5);
    for (let seed = 0; seed < 4; seed++) {
      await checkGradient({
        opType: 'Mean',
        inputs: broadcastable(random, 3),
        dtype: 'float32',
        step: 1,
        tolerance: 1e-5,
        seed,
      });
    }
  });

  it('Mod', async () => {
    for (let seed = 0; seed < 4; seed++) {
      // Quotients between whole numbers.
      const draw = (random: Random, input: number) =>
        input === 0 ? random.pick([-7.4, 5.3, 2.6]) : random.uniform(1.95, 2.05);
      await checkGradient({ opType: 'Mod', inputs: [[3, 4], [4]], attributes: { fmod: 1 }, draw, seed });
    }
  });

  it('Where', async () => {
    const random = new Random(7);
    for (let seed = 0; seed < 8; seed++) {
      const [condition, a, b] = broadcastable(random, 3) as [number[], number[], number[]];
      const size = condition.reduce((product, dim) => product * dim, 1);
      const bools = Tensor.of(
        'bool',
        condition,
        Array.from({ length: size }, () => random.integer(2)),
      );
      await checkGradient({ opType: 'Where', inputs: [bools, a, b], seed });
    }
  });

  it.each(['Add', 'Sub', 'Mul', 'Div', 'Max', 'Pow'])('%s with a symbolic batch', async (opType) => {
    for (const other of [[3, 1], [1, 3, 2], [2], []]) {
      await checkGradient({ opType, inputs: [[4, 3, 2], other], symbolicBatch: [0], draw: positive });
    }
    await checkGradient({
      opType,
      inputs: [
        [4, 3, 2],
        [4, 1, 2],
      ],
      symbolicBatch: true,
      draw: positive,
    });
  });

  it('the same value twice', async () => {
    const [square] = await gradientAt({ inputs: [vector(1, -2, 3)] }, (b, [x = '']) => b.op('Mul', [x, x]));
    expect(square).toEqual([2, -4, 6]);
  });
});

describe('Pow', () => {
  it.each([-1, 0, 0.5, 1, 2, 3, 2.5])('with the constant exponent %f', async (exponent) => {
    await checkGradient({ opType: 'Pow', inputs: [[3, 4], Tensor.scalar('float64', exponent)], draw: positive });
  });

  it('with exponents of another type', async () => {
    await checkGradient({ opType: 'Pow', inputs: [[2, 3], Tensor.of('int64', [3], [0, 2, 3])] });
  });

  it("equals PyTorch's at 0: x**e", async () => {
    // torch.autograd.grad((x ** e).sum(), (x, e)); x**0 and 0**e are flat.
    const [x, e] = await gradientAt({ inputs: [vector(0, 0, 2), vector(0, 2, 0)] }, (b, [x = '', e = '']) =>
      b.op('Pow', [x, e]),
    );
    expect(x).toEqual([0, 0, 0]);
    expect(e?.[0]).toBe(0);
    expect(e?.[1]).toBe(0);
    expect(e?.[2]).toBeCloseTo(Math.LN2, 8);
  });
});

describe("ties are PyTorch's", () => {
  it('torch.maximum and torch.minimum share evenly', async () => {
    const inputs = [vector(1, 2, 3), vector(1, 3, 2)];
    expect(await gradientAt({ inputs }, (b, x) => b.op('Max', x))).toEqual([
      [0.5, 0, 1],
      [0.5, 1, 0],
    ]);
    expect(await gradientAt({ inputs }, (b, x) => b.op('Min', x))).toEqual([
      [0.5, 1, 0],
      [0.5, 0, 1],
    ]);
  });

  it('three that are equal have a third each', async () => {
    const three = [vector(2, 0), vector(2, 1), vector(2, 1)];
    const gradients = await gradientAt({ inputs: three, dy: [3, 2] }, (b, x) => b.op('Max', x));
    expect(gradients).toEqual([
      [1, 0],
      [1, 1],
      [1, 1],
    ]);
  });
});
