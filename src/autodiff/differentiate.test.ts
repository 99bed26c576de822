import { describe, expect, it } from 'vitest';
import { type Graph, makeNode, Tensor } from '../graph/index.ts';
import { GraphBuilder, OP_TYPES } from '../ops/index.ts';
import { differentiate } from './differentiate.ts';
import { gradientModel, gradientOutput } from './gradient-model.ts';
import { GRADIENTS } from './gradient-rules.ts';
import { GraphWriter } from './graph-writer.ts';

/** A writer that holds one node on x, whose output is y. */
function oneNode(opType: string): GraphWriter {
  const b = new GraphBuilder();
  b.input('x', 'float32', [2, 2]);
  b.output('unused', b.op('Identity', ['x']));
  const writer = new GraphWriter(b.build());
  writer.append(makeNode({ name: 'suspect', opType, inputs: ['x'], outputs: ['y'], attributes: {} }));
  return writer;
}

/** A layer each: x → first → second → third → logits. */
function perceptron() {
  const b = new GraphBuilder({ seed: 1 });
  let x = b.input('x', 'float32', ['batch', 4]);
  for (const name of ['first', 'second', 'third']) x = b.relu(b.linear(x, { out: 5, name }));
  b.output('logits', x);
  return b.build();
}

const refused = OP_TYPES.filter((opType) => GRADIENTS[opType] === 'refused');

describe('an operator without a rule', () => {
  it.each(refused)('%s is refused by name', (opType) => {
    // Of a type that nobody knows, so that the node's own rules have nothing to object to.
    const writer = oneNode('Identity');
    writer.append(makeNode({ opType: 'Anything', domain: 'com.example', inputs: ['y'], outputs: ['u'] }));
    writer.append(makeNode({ name: 'second', opType, inputs: ['u', 'u', 'u'], outputs: ['z'] }));
    expect(() => differentiate(writer, { seeds: new Map([['z', 'x']]), wrt: ['u'] })).toThrow(
      `Skein has no gradient for the operator '${opType}'`,
    );
  });

  it('matters only on the way from what is asked for to the loss', () => {
    const b = new GraphBuilder();
    b.input('x', 'float32', [2, 2]);
    const w = b.parameter('w', [2, 2], 1);
    b.output('y', b.mul(b.op('Einsum', ['x'], { equation: 'ij->ji' }), w));
    const writer = new GraphWriter(b.build());
    expect(() => differentiate(writer, { seeds: new Map([['y', 'x']]), wrt: ['x'] })).toThrow(/'Einsum'/);
    expect(differentiate(writer, { seeds: new Map([['y', 'x']]), wrt: [w] }).size).toBe(1);
  });
});

describe('an operator with slope zero', () => {
  it.each(['Floor', 'Sign', 'Shape', 'Round', 'ArgMax', 'Hardmax'])('%s lets nothing through', (opType) => {
    const writer = oneNode(opType);
    expect(differentiate(writer, { seeds: new Map([['y', 'x']]), wrt: ['x'] }).size).toBe(0);
  });
});

/** The nodes of the backward pass, by the layer's node that they belong to. */
function backwardOf(graph: Graph): string[] {
  return graph.nodes.filter(({ name }) => name.startsWith('grad/')).map(({ name }) => name);
}

describe('work that is not asked for', () => {
  it('is not done below a frozen layer', () => {
    const all = gradientModel(perceptron(), { loss: 'cross-entropy' }).graph;
    const top = gradientModel(perceptron(), { loss: 'cross-entropy', wrt: ['third.weight', 'third.bias'] }).graph;
    const bottom = gradientModel(perceptron(), { loss: 'cross-entropy', wrt: ['first.bias'] }).graph;
    const layers = (graph: Graph) =>
      ['first', 'second', 'third'].filter((layer) => backwardOf(graph).some((name) => name.includes(layer)));
    expect(layers(all)).toEqual(['first', 'second', 'third']);
    expect(layers(top)).toEqual(['third']);
    expect(layers(bottom)).toEqual(['first', 'second', 'third']);
    // Without gradients of the weights above, and of the first input.
    const products = (graph: Graph) =>
      graph.nodes.filter(({ name, opType }) => opType === 'Gemm' && name.startsWith('grad/'));
    expect(products(all)).toHaveLength(5);
    expect(products(top)).toHaveLength(1);
    expect(products(bottom)).toHaveLength(2);
  });

  it('is not done twice: no node repeats another, nor what the model computes itself', () => {
    const b = new GraphBuilder({ seed: 2, opset: 20 });
    const x = b.input('x', 'float32', ['batch', 6]);
    let y = b.linear(x, { out: 6, name: 'one' });
    y = b.add(b.sigmoid(y), b.op('Gelu', [y]));
    y = b.op('Div', [y, b.parameter('scale', [6], 2)]);
    y = b.op('Mul', [b.op('Mish', [y]), b.op('Tanh', [b.op('Softplus', [y])])]);
    b.output('logits', b.linear(y, { out: 3, name: 'two' }));
    const { graph } = gradientModel(b.build(), { loss: 'cross-entropy', inputs: true });
    const seen = new Map<string, string>();
    for (const { name, opType, inputs, attributes } of graph.nodes) {
      if (opType === 'Identity') continue;
      const key = `${opType} ${inputs} ${JSON.stringify([...attributes], (_, value) => (typeof value === 'bigint' ? String(value) : value))}`;
      expect(seen.get(key), `${name} repeats`).toBeUndefined();
      seen.set(key, name);
    }
    const constants = [...graph.initializers].filter(([name]) => name.startsWith('constant'));
    const texts = constants.map(([, tensor]) => `${tensor.dtype} [${tensor.dims}] ${tensor.elements()}`);
    expect(new Set(texts).size).toBe(constants.length);
    // The gradient of Mish reuses the model's own tanh(softplus(y)).
    expect(graph.nodes.filter(({ opType }) => opType === 'Softplus')).toHaveLength(1);
  });

  it('masks are products, and selections only where a gradient may be infinite', () => {
    const masks = (make: (b: GraphBuilder, hidden: string) => string) => {
      const b = new GraphBuilder({ seed: 1 });
      const hidden = b.relu(b.batchNorm(b.conv(b.input('x', 'float32', ['batch', 3, 6, 6]), { out: 4, kernel: 1 })));
      b.output('logits', make(b, b.flatten(b.globalAveragePool(hidden))));
      const { graph } = gradientModel(b.build(), { loss: 'cross-entropy', mode: 'train', classWeights: [1, 2, 1, 3] });
      return graph.nodes.filter(({ name, opType }) => opType === 'Where' && name.startsWith('grad/')).length;
    };
    expect(masks((_, x) => x)).toBe(0);
    expect(masks((b, x) => b.op('Pow', [x, b.constant(Tensor.scalar('float32', 2))]))).toBe(0);
    expect(masks((b, x) => b.op('Sqrt', [x]))).toBe(1);
    expect(masks((b, x) => b.op('Div', [x, b.op('ReduceMean', [x], { axes: [1] })]))).toBe(1);
  });

  it('leaves out what the loss does not depend on', () => {
    const writer = oneNode('Relu');
    const seed = writer.constant(Tensor.of('float32', [2, 2], [1, 1, 1, 1]));
    expect([...differentiate(writer, { seeds: new Map([['y', seed]]), wrt: ['x', 'unused'] }).keys()]).toEqual(['x']);
  });
});

it('gradientModel() names its gradients after the parameters', () => {
  const names = gradientModel(perceptron(), { loss: 'mse' }).graph.outputs.map(({ name }) => name);
  expect(names).toContain(gradientOutput('second.bias'));
});
