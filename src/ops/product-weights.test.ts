import { describe, expect, it } from 'vitest';
import { Tensor } from '../graph/index.ts';
import { GraphBuilder } from './graph-builder.ts';
import { productWeights } from './product-weights.ts';

const ints = (b: GraphBuilder, values: readonly number[]) => b.op('Constant', [], { value: Tensor.int64s(values) });

describe('productWeights()', () => {
  it('goes by operator and input, not by shape', () => {
    const b = new GraphBuilder();
    let y = b.input('x', 'float32', ['batch', 3, 8, 8]);
    y = b.op('PRelu', [y, b.parameter('slopes', [3, 1, 1], 0.25)]);
    y = b.op('Conv', [y, b.parameter('conv', [4, 3, 1, 1], 1), b.parameter('conv bias', [4], 0)]);
    y = b.op('Conv', [y, b.parameter('depthwise', [4, 1, 3, 3], 1)], { group: 4, pads: [1, 1, 1, 1] });
    const norm = ['scale', 'shift'].map((name) => b.parameter(name, [4, 8, 8], 1));
    y = b.op('LayerNormalization', [y, ...norm], { axis: 1 });
    y = b.op('Add', [y, b.parameter('positions', [1, 4, 8, 8], 0)]);
    y = b.flatten(b.globalAveragePool(y));
    y = b.op('Gemm', [y, b.parameter('hidden', [4, 2], 1), b.parameter('hidden bias', [1, 2], 0)]);
    b.output('score', b.op('Gemm', [y, b.parameter('one score', [1, 2], 1)], { transB: 1 }));
    expect([...productWeights(b.build().graph)]).toEqual(['conv', 'depthwise', 'hidden', 'one score']);
  });

  it('looks through what changes shape, type or rounding, and at what weights are computed from', () => {
    const b = new GraphBuilder();
    let y = b.input('x', 'float32', ['batch', 4]);
    const turned = b.op('Transpose', [b.parameter('turned', [1, 4], 1)], { perm: [1, 0] });
    y = b.op('MatMul', [y, b.op('Reshape', [turned, ints(b, [4, 1])])]);
    const step = b.initializer('step', Tensor.of('float32', [], [0.1]));
    const zero = b.initializer('zero', Tensor.of('int8', [], [0]));
    const integers = b.op('QuantizeLinear', [b.parameter('rounded', [1, 3], 1), step, zero]);
    y = b.op('MatMul', [y, b.op('DequantizeLinear', [integers, step, zero])]);
    const product = b.op('Mul', [b.parameter('directions', [3, 2], 1), b.parameter('lengths', [1, 2], 1)]);
    y = b.op('MatMul', [y, product]);
    b.output('y', b.op('Add', [y, b.op('Reshape', [b.parameter('bias', [2, 1], 0), ints(b, [1, 2])])]));
    expect([...productWeights(b.build().graph)]).toEqual(['turned', 'rounded', 'directions']);
  });
});
