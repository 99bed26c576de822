import { describe, expect, it } from 'vitest';

import { makeNode, subgraph, Tensor } from '../graph/index.ts';
import { GraphBuilder } from './graph-builder.ts';
import { trainableInitializers } from './trainable-initializers.ts';

const SHAPE = ['n', 3, 4, 4] as const;
const ints = (b: GraphBuilder, values: readonly number[]) => b.op('Constant', [], { value: Tensor.int64s(values) });

describe('trainableInitializers()', () => {
  it('leaves out statistics, bounds and scalars', () => {
    const b = new GraphBuilder();
    b.output('y', b.clip(b.batchNorm(b.conv(b.input('x', 'float32', SHAPE), { out: 2, kernel: 1 })), -1, 1));
    const { graph } = b.build();
    expect(trainableInitializers(graph)).toEqual(['conv1.weight', 'conv1.bias', 'bn1.weight', 'bn1.bias']);
    const inner = makeNode({ opType: 'Neg', inputs: ['y'], outputs: ['z'] });
    expect(trainableInitializers({ ...graph, nodes: [...graph.nodes, inner] })).toHaveLength(4);
  });

  it('leaves out what meets the input before anything learnt does, by whatever way both come there', () => {
    const b = new GraphBuilder();
    const bytes = b.op('Mul', [b.input('x', 'float32', SHAPE), b.parameter('range', [1], 1 / 255)]);
    const mean = b.op('Reshape', [b.parameter('mean', [3], 0.5), ints(b, [1, 3, 1, 1])]);
    const centred = b.op('Sub', [b.op('Identity', [bytes]), mean]);
    const deviation = b.op('Sqrt', [
      b.op('Add', [b.parameter('variance', [1, 3, 1, 1], 2), b.op('Constant', [], { value_float: 1e-5 })]),
    ]);
    const y = b.op('Add', [b.op('Div', [centred, deviation]), b.parameter('shift', [3, 1, 1], 1)]);
    b.output('y', b.conv(b.relu(y), { out: 2, kernel: 1 }));
    expect(trainableInitializers(b.build().graph)).toEqual(['conv1.weight', 'conv1.bias']);
  });

  it('takes what scales, shifts or stands beside values behind a learnt operator, and what weights are made of', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', SHAPE);
    const kernel = b.op('Mul', [b.parameter('directions', [3, 3, 1, 1], 1), b.parameter('lengths', [3, 1, 1, 1], 1)]);
    let y = b.relu(b.op('Conv', [x, kernel], { kernel_shape: [1, 1] }));
    y = b.op('Mul', [y, b.op('Unsqueeze', [b.parameter('layer scale', [3, 1], 1), ints(b, [2])])]);
    y = b.op('Add', [x, b.op('Sub', [y, b.parameter('positions', [1, 3, 4, 4], 0)])]);
    b.output('y', b.op('Div', [y, b.parameter('temperature', [1], 1)]));
    const names = ['directions', 'lengths', 'layer scale', 'positions', 'temperature'];
    expect(trainableInitializers(b.build().graph)).toEqual(names);
  });

  it('takes the constants of operators that it does not know', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', SHAPE);
    const y = b.op('Mystery', [x, b.parameter('theirs', [3], 0)], {}, { domain: 'own' });
    b.output('y', b.op('Add', [y, b.parameter('bias', [3, 1, 1], 0)]));
    expect(trainableInitializers(b.build().graph)).toEqual(['theirs', 'bias']);
  });

  it('takes what stands behind an operator that it does not know, whose weights may be attributes', () => {
    const b = new GraphBuilder();
    const y = b.op('Mystery', [b.input('x', 'float32', SHAPE)], {}, { domain: 'own' });
    b.output('y', b.op('Add', [y, b.parameter('bias', [3, 1, 1], 0)]));
    expect(trainableInitializers(b.build().graph)).toEqual(['bias']);
  });

  it('takes what a graph inside uses, as it is or turned outside', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [2, 2]);
    const condition = b.input('condition', 'bool', []);
    const bias = b.parameter('bias', [2], 0);
    const turned = b.op('Transpose', [b.parameter('kept', [2, 2], 1)], { perm: [1, 0] });
    const nodes = [
      makeNode({ opType: 'MatMul', inputs: [x, turned], outputs: ['product'] }),
      makeNode({ opType: 'Add', inputs: ['product', bias], outputs: ['sum'] }),
    ];
    const empty = new GraphBuilder();
    empty.output('sum', empty.input('unused', 'float32', [2, 2]));
    const branch = subgraph({ ...empty.build().graph, inputs: [], nodes });
    b.output('y', b.op('If', [condition], { then_branch: branch, else_branch: branch }, { shape: [2, 2] }));
    expect(new Set(trainableInitializers(b.build().graph))).toEqual(new Set(['kept', 'bias']));
  });

  it('leaves out masks', () => {
    const b = new GraphBuilder();
    const mask = b.initializer('mask', Tensor.of('float32', [2, 2], [0, Number.NEGATIVE_INFINITY, 0, 0]));
    const y = b.linear(b.input('x', 'float32', [2, 2]), { out: 2 });
    b.output('y', b.op('Softmax', [b.op('Add', [y, b.op('Unsqueeze', [mask, ints(b, [0])])])]));
    expect(trainableInitializers(b.build().graph)).toEqual(['fc1.weight', 'fc1.bias']);
  });
});
