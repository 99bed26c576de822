import { describe, expect, it } from 'vitest';
import { Tensor } from '../graph/index.ts';
import { GraphBuilder } from './graph-builder.ts';

describe('GraphBuilder', () => {
  it('names parameters as PyTorch does', () => {
    const b = new GraphBuilder();
    let x = b.input('input', 'float32', ['batch', 3, 8, 8]);
    x = b.batchNorm(b.conv(x, { out: 4, kernel: 3, bias: false }));
    x = b.scope('layer1.0', () => b.conv(x, { out: 4, kernel: 1, name: 'downsample' }));
    b.output('logits', b.linear(b.flatten(b.globalAveragePool(x)), { out: 10, name: 'fc' }));
    const { graph } = b.build();
    expect([...graph.initializers].map(([name, { dims }]) => `${name} ${dims.join('x')}`)).toEqual([
      'conv1.weight 4x3x3x3',
      'bn1.weight 4',
      'bn1.bias 4',
      'bn1.running_mean 4',
      'bn1.running_var 4',
      'layer1.0.downsample.weight 4x4x1x1',
      'layer1.0.downsample.bias 4',
      'fc.weight 10x4',
      'fc.bias 10',
    ]);
    expect(graph.outputs).toEqual([{ name: 'logits', type: { dtype: 'float32', dims: ['batch', 10] } }]);
    expect(graph.nodes[2]?.name).toBe('/layer1/0/downsample/Conv');
  });

  it('follows shapes through every layer', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', ['n', 6, 15, 15]);
    // PyTorch: torch.nn.<layer>(…)(torch.zeros(1, 6, 15, 15)).shape
    expect(b.dimsOf(b.conv(x, { out: 8, kernel: 3, stride: 2, padding: 1, groups: 2 }))).toEqual(['n', 8, 8, 8]);
    expect(b.dimsOf(b.conv(x, { out: 8, kernel: [3, 5], dilation: 2 }))).toEqual(['n', 8, 11, 7]);
    expect(b.dimsOf(b.convTranspose(x, { out: 4, kernel: 4, stride: 2, padding: 1 }))).toEqual(['n', 4, 30, 30]);
    expect(b.dimsOf(b.maxPool(x, { kernel: 2, stride: 2, ceilMode: true }))).toEqual(['n', 6, 8, 8]);
    expect(b.dimsOf(b.averagePool(x, { kernel: 3, stride: 2, padding: 1 }))).toEqual(['n', 6, 8, 8]);
    expect(b.dimsOf(b.concat([x, x]))).toEqual(['n', 12, 15, 15]);
    expect(b.split(x, [2, 4]).map((part) => b.dimsOf(part)[1])).toEqual([2, 4]);
    expect(b.dimsOf(b.channelShuffle(x, 3))).toEqual(['n', 6, 15, 15]);
    expect(
      b.dimsOf(
        b.slice(x, [
          { axis: 2, start: 1, step: 2 },
          { axis: 3, start: -4, end: -1 },
        ]),
      ),
    ).toEqual(['n', 6, 7, 3]);
    expect(b.dimsOf(b.pad(x, [0, 0, 1, 2, 0, 0, 1, 2]))).toEqual(['n', 6, 17, 19]);
    expect(b.dimsOf(b.reshape(x, [0, -1]))).toEqual(['n', 1350]);
    expect(b.dimsOf(b.flatten(x))).toEqual(['n', 1350]);
    expect(b.dimsOf(b.relu6(x))).toEqual(['n', 6, 15, 15]);
  });

  it('counts axes from the back, and steps backwards', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', ['n', 8]);
    // numpy.zeros((1, 8)): numpy.split(x, 2, -1), x[:, 3:5], x[:, ::-1], x[:, 6:1:-2]
    expect(b.split(x, [4, 4], -1).map((part) => b.dimsOf(part))).toEqual([
      ['n', 4],
      ['n', 4],
    ]);
    expect(b.dimsOf(b.slice(x, [{ axis: -1, start: 3, end: 5 }]))).toEqual(['n', 2]);
    expect(b.dimsOf(b.slice(x, [{ axis: 1, start: -1, step: -1 }]))).toEqual(['n', 8]);
    expect(b.dimsOf(b.slice(x, [{ axis: 1, start: 6, end: 1, step: -2 }]))).toEqual(['n', 3]);
    expect(b.dimsOf(b.concat([x, x], -1))).toEqual(['n', 16]);
  });

  it('follows shapes through operators without a method, and shape arithmetic', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', ['n', 6, 4, 4]);
    const target = b.op('Concat', [b.constant(Tensor.int64s([0, 3])), b.constant(Tensor.int64s([-1]))], { axis: 0 });
    expect(b.dimsOf(b.op('Reshape', [x, target]))).toEqual(['n', 3, 32]);
    b.output('y', b.op('ArgMax', [x], { axis: 1, keepdims: 0 }));
    expect(b.build().graph.outputs[0]?.type).toEqual({ dtype: 'int64', dims: ['n', 4, 4] });
  });

  it('takes the shape of an operator that it does not know, and refuses a wrong one', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', ['n', 6]);
    const known = b.op('Mystery', [x], {}, { domain: 'own', shape: ['n', 3], dtype: 'float32' });
    expect(b.dimsOf(b.linear(known, { out: 2 }))).toEqual(['n', 2]);
    expect(() => b.op('Relu', [x], {}, { shape: ['n', 5] })).toThrow(/is \[n,6\], received { shape: \[n,5\] }/);
  });

  it('is the same for the same seed', () => {
    const weight = (seed: number) => {
      const b = new GraphBuilder({ seed });
      b.output('y', b.conv(b.input('x', 'float32', [1, 3, 4, 4]), { out: 2, kernel: 3 }));
      return b.build().graph.initializers.get('conv1.weight')?.float32s();
    };
    expect(weight(1)).toEqual(weight(1));
    expect(weight(1)).not.toEqual(weight(2));
  });

  it.each([
    // √(2 / fan): an output sums 64 · 9 numbers, or 16 · 9 with four groups; an input is in 256 · 9 sums, or 64 · 9.
    { initialization: 'kaiming-fan-in', groups: 1, fan: 64 * 9 },
    { initialization: 'kaiming-fan-in', groups: 4, fan: 16 * 9 },
    { initialization: 'kaiming-fan-out', groups: 1, fan: 256 * 9 },
    { initialization: 'kaiming-fan-out', groups: 4, fan: 64 * 9 },
  ] as const)('draws weights with the standard deviation √(2 / $fan), $initialization', (given) => {
    const b = new GraphBuilder({ seed: 3, initialization: given.initialization });
    b.output('y', b.conv(b.input('x', 'float32', [1, 64, 4, 4]), { out: 256, kernel: 3, groups: given.groups }));
    const weights = b.build().graph.initializers.get('conv1.weight')?.float32s() ?? new Float32Array();
    const variance = weights.reduce((sum, w) => sum + w * w, 0) / weights.length;
    // From 36,864 draws on the sample variance lies within 4 % with near certainty.
    expect(Math.abs(variance / (2 / given.fan) - 1)).toBeLessThan(0.04);
  });

  it('leaves weights zero where told', () => {
    const b = new GraphBuilder({ initialization: 'zeros', dtype: 'float64' });
    const x = b.conv(b.input('x', 'float64', [1, 2, 3, 3]), { out: 1, kernel: 3 });
    b.output('y', b.linear(b.flatten(x), { out: 2 }));
    const { initializers } = b.build().graph;
    expect(initializers.get('conv1.weight')?.elements()).toEqual(new Array(18).fill(0));
    expect(initializers.get('fc1.weight')?.elements()).toEqual([0, 0]);
  });

  it('gives a value two output names, and an input one', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [1]);
    const y = b.relu(x);
    b.output('a', y);
    b.output('b', y);
    b.output('c', x);
    const { graph } = b.build();
    expect(graph.nodes.map(({ opType, outputs }) => [opType, ...outputs])).toEqual([
      ['Relu', 'a'],
      ['Identity', 'b'],
      ['Identity', 'c'],
    ]);
  });

  it('says what does not fit', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', ['n', 6, 2, 2]);
    expect(() => b.conv(x, { out: 4, kernel: 3 })).toThrow(
      /'\/conv1\/Conv' \(Conv\) contradict: a window of 3×3 must fit into \[2,2\]/,
    );
    expect(() => b.conv(x, { out: 4, kernel: 1, groups: 4 })).toThrow(/divide into 4 groups/);
    expect(() => b.linear(b.op('Mystery', [x], {}, { domain: 'own' }), { out: 1 })).toThrow(/does not know the shape/);
    expect(() => b.add(x, b.maxPool(x, { kernel: 1, stride: 2 }))).not.toThrow();
    expect(() => b.add(x, b.input('z', 'float32', [1, 5, 1, 1]))).toThrow(/do not broadcast/);
    expect(() => b.build()).toThrow(/no output yet/);
  });
});
