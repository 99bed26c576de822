import { describe, expect, it } from 'vitest';
import { Tensor } from '../graph/index.ts';
import { costOf } from './cost.ts';
import { GraphBuilder } from './graph-builder.ts';

describe('costOf()', () => {
  it('counts a worked example', () => {
    const b = new GraphBuilder();
    let x = b.input('x', 'float32', ['batch', 3, 8, 8]);
    x = b.conv(x, { out: 6, kernel: 3, padding: 1, groups: 3 });
    x = b.relu6(b.batchNorm(x));
    x = b.convTranspose(x, { out: 4, kernel: 2, stride: 2, bias: false });
    b.output('y', b.linear(b.flatten(b.globalAveragePool(x)), { out: 10 }));
    const cost = costOf(b.build());
    const rows = cost.nodes.filter(({ params, macs }) => params + macs > 0);
    expect(rows.map(({ opType, shape, params, macs }) => ({ opType, shape, params, macs }))).toEqual([
      // 6·1·3·3 weights + 6 biases; 6·8·8 outputs × 1·3·3
      { opType: 'Conv', shape: [1, 6, 8, 8], params: 60, macs: 3456 },
      // scale and bias of 6 channels
      { opType: 'BatchNormalization', shape: [1, 6, 8, 8], params: 12, macs: 0 },
      // 6·4·2·2 weights; 6·8·8 inputs × 4·2·2
      { opType: 'ConvTranspose', shape: [1, 4, 16, 16], params: 96, macs: 6144 },
      { opType: 'Gemm', shape: [1, 10], params: 50, macs: 40 },
    ]);
    expect([cost.params, cost.macs]).toEqual([218, 9640]);
    expect(costOf(b.build(), { batch: 5 }).macs).toBe(5 * 9640);
  });

  it('is per sample also where the file fixes the batch', () => {
    const b = new GraphBuilder();
    b.output('y', b.linear(b.input('x', 'float32', [8, 20]), { out: 10 }));
    expect(costOf(b.build()).macs).toBe(200);
  });

  it('counts a shared weight once, and weights in Constant nodes', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', ['n', 4]);
    const shared = b.parameter('shared', [4, 4], 1);
    const inline = b.op('Constant', [], { value: Tensor.of('float32', [4, 2], [1, 2, 3, 4, 5, 6, 7, 8]) });
    b.output('y', b.op('MatMul', [b.op('MatMul', [b.op('MatMul', [x, shared]), shared]), inline]));
    expect(costOf(b.build())).toMatchObject({ params: 16 + 8, macs: 16 + 16 + 8 });
  });

  it('counts a quantised weight as the numbers that it stands for, its scale not', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', ['n', 3]);
    const weight = b.initializer('w', Tensor.of('int8', [3, 2], [1, 2, 3, 4, 5, 6]));
    const scale = b.initializer('s', Tensor.of('float32', [2], [0.5, 0.25]));
    b.output('y', b.op('MatMul', [x, b.op('DequantizeLinear', [weight, scale], { axis: 1 })]));
    const { params, macs, nodes } = costOf(b.build());
    expect([params, macs]).toEqual([6, 6]);
    // They are the layer's, not of what makes numbers of them.
    expect(nodes.map((node) => [node.opType, node.params])).toEqual([
      ['DequantizeLinear', 0],
      ['MatMul', 6],
    ]);
  });

  it('refuses to guess where a shape is not known', () => {
    const b = new GraphBuilder();
    b.output('y', b.conv(b.input('x', 'float32', ['n', 3, 'h', 'w']), { out: 2, kernel: 3, name: 'stem' }));
    const model = b.build();
    expect(() => costOf(model)).toThrow("Cannot count the MACs of node '/stem/Conv' (Conv)");
    expect(costOf(model, { inputShapes: { x: [1, 3, 5, 5] } }).macs).toBe(2 * 3 * 3 * 27);
  });

  it('costs nothing for operators that Skein does not know', () => {
    const b = new GraphBuilder();
    b.output('y', b.op('Mystery', [b.input('x', 'float32', [1]), b.parameter('p', [3], 0)], {}, { domain: 'own' }));
    expect(costOf(b.build())).toMatchObject({ params: 3, macs: 0 });
  });

  it('counts no preprocessing, be it of initializers or Constant nodes', () => {
    const b = new GraphBuilder();
    const mean = b.op('Constant', [], { value: Tensor.of('float32', [3, 1, 1], [1, 2, 3]) });
    const centred = b.op('Sub', [b.input('x', 'float32', ['n', 3, 4, 4]), mean]);
    const scaled = b.op('Div', [centred, b.parameter('std', [1, 3, 1, 1], 2)]);
    b.output('y', b.conv(scaled, { out: 2, kernel: 1 }));
    expect(costOf(b.build()).params).toBe(2 * 3 + 2);
  });
});
