import { describe, expect, it } from 'vitest';
import { checkGradient } from '../../../test/check-gradient.ts';
import { feed, runModel } from '../../../test/run-onnx.ts';
import { makeNode, Tensor } from '../../graph/index.ts';
import { GraphBuilder } from '../../ops/index.ts';
import { DTYPES } from '../../tensor/index.ts';
import { differentiate } from '../differentiate.ts';
import { gradientModel } from '../gradient-model.ts';
import { GraphWriter } from '../graph-writer.ts';

it('Identity', () => checkGradient({ opType: 'Identity', inputs: [[2, 3]], symbolicBatch: true }));

describe('Cast', () => {
  it('between floats, back to the type of the input', async () => {
    const b = new GraphBuilder({ dtype: 'float64' });
    b.input('x', 'float64', ['batch', 2]);
    b.input('like', 'float32', [1]);
    const single = b.op('Cast', ['x'], { to: DTYPES.float32.onnx });
    b.output('y', b.op('Mul', [single, b.op('CastLike', ['x', 'like'])]));
    const writer = new GraphWriter(b.build());
    const seed = writer.constant(Tensor.of('float32', [1, 2], [1, 1]));
    const made = differentiate(writer, { seeds: new Map([['y', seed]]), wrt: ['x'] }).get('x') as string;
    expect(writer.dtype(made)).toBe('float64');
    const { grad = { data: [] } } = await runModel(writer.build(new Map([['grad', made]])), {
      x: feed('float64', Float64Array.of(3, -5), [1, 2]),
      like: feed('float32', Float32Array.of(0), [1]),
    });
    expect([...(grad.data as Float64Array)]).toEqual([6, -10]);
  });

  it('lets nothing through whole numbers', () => {
    const b = new GraphBuilder();
    b.input('x', 'float32', [2]);
    const whole = b.op('Cast', ['x'], { to: DTYPES.int64.onnx });
    b.output('y', b.op('Cast', [whole], { to: DTYPES.float32.onnx }));
    const writer = new GraphWriter(b.build());
    expect(differentiate(writer, { seeds: new Map([['y', 'x']]), wrt: ['x'] }).size).toBe(0);
  });
});

describe('Dropout', () => {
  it('that is off passes everything', async () => {
    await checkGradient({ opType: 'Dropout', inputs: [[3, 4], Tensor.scalar('float32', 0.9)], symbolicBatch: true });
    const off = Tensor.of('bool', [], [0]);
    await checkGradient({ opType: 'Dropout', inputs: [[3, 4], Tensor.scalar('float32', 0.9), off] });
  });

  it.each([0.3, undefined])('that is on, of ratio %f, passes what it kept, scaled as the output is', async (ratio) => {
    const b = new GraphBuilder({ seed: 1 });
    b.input('x', 'float32', ['batch', 50]);
    const inputs = ratio === undefined ? ['x'] : ['x', b.constant(Tensor.scalar('float32', ratio))];
    b.output('y', b.op('Dropout', inputs));
    const model = gradientModel(b.build(), { loss: 'mse', mode: 'train', inputs: true, wrt: [], seed: 3 });
    const x = Float32Array.from({ length: 200 }, (_, i) => 1 + i / 100);
    const results = await runModel(model, {
      x: feed('float32', x, [4, 50]),
      labels: feed('float32', new Float32Array(200), [4, 50]),
    });
    const [y, gradient] = [results.y?.data as Float32Array, results['grad.x']?.data as Float32Array];
    const kept = 1 - (ratio ?? 0.5);
    let dropped = 0;
    for (const [i, value] of gradient.entries()) {
      // y = x/kept or 0, loss = Σy²/200: dL/dx = 2y/200 · 1/kept, or 0.
      expect(value).toBeCloseTo(((2 * (y[i] as number)) / 200) * (1 / kept), 6);
      if (value === 0) dropped++;
    }
    expect(dropped).toBeGreaterThan(20);
    expect(dropped).toBeLessThan(180);
  });

  it('that is on without its mask is refused', () => {
    const b = new GraphBuilder();
    b.input('x', 'float32', [2]);
    const on = b.constant(Tensor.of('bool', [], [1]));
    b.output('y', b.op('Dropout', ['x', '', on]));
    const writer = new GraphWriter(b.build());
    expect(() => differentiate(writer, { seeds: new Map([['y', 'x']]), wrt: ['x'] })).toThrow(
      /its mask as a second output/,
    );
  });
});

it('a node of another domain is refused by name', () => {
  const b = new GraphBuilder();
  b.input('x', 'float32', [2]);
  b.output('y', b.op('Relu', ['x']));
  const writer = new GraphWriter(b.build());
  writer.append(makeNode({ opType: 'Fancy', domain: 'com.example', inputs: ['y'], outputs: ['z'] }));
  expect(() => differentiate(writer, { seeds: new Map([['z', 'x']]), wrt: ['x'] })).toThrow(/'com.example.Fancy'/);
});
