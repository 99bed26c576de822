import { describe, expect, it } from 'vitest';
import { Tensor } from '../graph/index.ts';
import { GraphBuilder } from '../ops/index.ts';
import { parameterLayout } from './parameter-layout.ts';

describe('parameterLayout()', () => {
  it('puts first what weight decay is for: weights of convolutions and matrix products, of one score, too', () => {
    const b = new GraphBuilder();
    let y = b.input('x', 'float32', ['batch', 3, 8, 8]);
    // A vector with ones around it is a bias or a slope, as exporters write them.
    y = b.op('PRelu', [y, b.parameter('slopes', [3, 1, 1], 0.25)]);
    y = b.op('Conv', [y, b.parameter('conv', [4, 3, 1, 1], 1)], { kernel_shape: [1, 1] });
    y = b.op('Conv', [y, b.parameter('depthwise', [4, 1, 3, 3], 1)], { kernel_shape: [3, 3], group: 4 });
    y = b.op('Mul', [y, b.parameter('scales', [1, 4, 1, 1], 1)]);
    const norm = ['scale', 'shift'].map((name) => b.parameter(name, [4, 6, 6], 1));
    y = b.op('LayerNormalization', [y, ...norm], { axis: 1 });
    y = b.op('MatMul', [b.flatten(b.globalAveragePool(y)), b.parameter('linear', [4, 1], 1)]);
    b.output('logits', b.op('Add', [y, b.parameter('bias', [1, 1], 0)]));
    const { slots, decayed, size } = parameterLayout(b.build().graph);
    expect(slots.filter(({ offset }) => offset < decayed).map(({ name }) => name)).toEqual([
      'conv',
      'depthwise',
      'linear',
    ]);
    expect(slots.filter(({ offset }) => offset >= decayed).map(({ name }) => name)).toEqual([
      'slopes',
      'scales',
      'scale',
      'shift',
      'bias',
    ]);
    const weights = 4 * 3 + 4 * 9 + 4;
    expect([decayed, size]).toEqual([weights, weights + 3 + 4 + 2 * 4 * 6 * 6 + 1]);
  });

  it('refuses weights of other types beside float32, which would stay as they are unsaid', () => {
    const b = new GraphBuilder();
    const y = b.op('MatMul', [b.input('x', 'float32', ['batch', 3]), b.parameter('first', [3, 2], 1)]);
    const double = b.op('MatMul', [
      b.op('Cast', [y], { to: 11 }),
      b.initializer('second', Tensor.of('float64', [2, 2], [1, 2, 3, 4])),
    ]);
    const integers = b.initializer('third', Tensor.of('int8', [2, 2], [1, 2, 3, 4]));
    const scale = b.initializer('scale', Tensor.of('float32', [], [0.5]));
    b.output('y', b.op('MatMul', [b.op('Cast', [double], { to: 1 }), b.op('DequantizeLinear', [integers, scale])]));
    const { graph } = b.build();
    expect(() => parameterLayout(graph)).toThrow(
      "Cannot train the model: its weights must be float32, received 'second' float64, 'third' int8; take it",
    );
    const { slots } = parameterLayout(graph, (name) => name === 'second' || name === 'third');
    expect(slots.map(({ name }) => name)).toEqual(['first']);
  });
});
