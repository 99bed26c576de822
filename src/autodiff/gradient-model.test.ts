import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/expect-close.ts';
import { inOldWords, oldFashioned } from '../../test/old-models.ts';
import { feed, randomFeeds, runModel } from '../../test/run-onnx.ts';
import { type Model, makeNode, type Node, Tensor } from '../graph/index.ts';
import { GraphBuilder } from '../ops/index.ts';
import { type GradientModelOptions, gradientModel } from './gradient-model.ts';

const MATRIX = [2, -1, 0.5, 1, 3, -2];

/** x·W + b with the parameters in Constant nodes or as initializers. */
function linear(kind: 'Constant' | 'initializer', last?: 'Softmax' | 'Sigmoid'): Model {
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', ['batch', 2]);
  const parameter = (name: string, dims: readonly number[], values: readonly number[]) => {
    const value = Tensor.of('float32', dims, values);
    return kind === 'Constant' ? b.op('Constant', [], { value }, { name }) : b.initializer(name, value);
  };
  const y = b.add(b.op('MatMul', [x, parameter('weight', [2, 3], MATRIX)]), parameter('bias', [3], [0.1, 0.2, 0.3]));
  b.output('y', last === undefined ? y : b.op(last, [y]));
  return b.build();
}

/** With logits up to 120, whose probabilities are 0 and 1 in float32. */
async function gradients(model: Model, loss: GradientModelOptions['loss']): Promise<Map<string, number[]>> {
  const made = gradientModel(model, { loss });
  const labels =
    loss === 'cross-entropy'
      ? feed('int64', BigInt64Array.of(2n, 0n, 1n), [3])
      : feed('float32', Float32Array.of(1, 0, 0, 0, 1, 1, 0, 0.5, 1), [3, 3]);
  const x = feed('float32', Float32Array.of(1, -1, 30, 30, 0.2, 0.4), [3, 2]);
  const outputs = await runModel(made, { x, labels });
  return new Map(
    Object.entries(outputs)
      .filter(([name]) => name !== 'y')
      .map(([name, { data }]) => [name.replace(/^grad\.\/?(\w+?)(_output_0)?$/, '$1'), [...(data as Float32Array)]]),
  );
}

describe('gradientModel() and weights in Constant nodes', () => {
  it('has the gradients that it has of initializers', async () => {
    const of = await gradients(linear('Constant'), 'cross-entropy');
    expect([...of.keys()]).toEqual(['loss', 'weight', 'bias']);
    expect(of).toEqual(await gradients(linear('initializer'), 'cross-entropy'));
  });

  it('has the gradients of a newer operator set where the model is of an old one', async () => {
    const newer = oldFashioned(8);
    const feeds = { ...randomFeeds(newer, 1), labels: feed('int64', BigInt64Array.of(2n, 7n), [2]) };
    const of = (model: Model) => runModel(gradientModel(model, { loss: 'cross-entropy', inputs: true }), feeds);
    const expected = await of(newer);
    expect(Object.keys(expected)).toContain('grad.input');
    expect(await of(inOldWords(newer, 7))).toEqual(expected);
  });

  it('says what could be named where there is nothing trainable', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', ['batch', 2]);
    b.output('y', b.op('Mul', [x, b.initializer('temperature', Tensor.scalar('float32', 2))]));
    const model = b.build();
    expect(() => gradientModel(model, { loss: 'mse' })).toThrow(
      'it has no trainable initializer; name what is wanted of its scalars and settings: temperature',
    );
    const named = gradientModel(model, { loss: 'mse', wrt: ['temperature'] });
    expect(named.graph.outputs.map(({ name }) => name)).toContain('grad.temperature');
  });

  it('names the parameters that no gradient comes to', () => {
    const b = new GraphBuilder();
    b.output('y', b.op('Round', [b.linear(b.input('x', 'float32', ['batch', 2]), { out: 3, name: 'fc' })]));
    expect(() => gradientModel(b.build(), { loss: 'mse' })).toThrow(
      'no gradient comes from the loss to any of its parameters (fc.weight, fc.bias)',
    );
  });
});

describe('gradientModel() of a model that ends in what the loss begins with', () => {
  it.each([
    ['cross-entropy', 'Softmax'],
    ['bce', 'Sigmoid'],
  ] as const)('%s takes what goes into %s', async (loss, last) => {
    const of = await gradients(linear('initializer', last), loss);
    const plain = await gradients(linear('initializer'), loss);
    for (const [name, values] of plain) expectClose(of.get(name) ?? [], values, 1e-6, name);
  });

  it('mse takes the probabilities', async () => {
    const of = await gradients(linear('initializer', 'Sigmoid'), 'mse');
    // mean((σ(x·W + b) − labels)²) in float64
    expectClose(of.get('loss') ?? [], [0.4319409], 1e-6);
  });
});

it.each(['first', 'second'])(
  "gradientModel() refuses a model whose %s output is called 'loss', which is its own",
  (place) => {
    const b = new GraphBuilder();
    const y = b.linear(b.input('x', 'float32', ['batch', 2]), { out: 3 });
    if (place === 'second') b.output('y', y);
    b.output('loss', b.op('Softmax', [y]));
    expect(() => gradientModel(b.build(), { loss: 'cross-entropy' })).toThrow(
      "The graph has a value 'loss' already: rename it first",
    );
  },
);

describe('gradientModel() names what is wrong with a model', () => {
  const x = { name: 'x', type: { dtype: 'float32' as const, dims: ['batch', 2] } };
  /** x → middle → ·weight → y, of which the file says no shape. */
  const through = (...nodes: readonly Node[]): Model => {
    const b = new GraphBuilder();
    b.output(
      'y',
      b.op('MatMul', [
        b.input('x', 'float32', ['batch', 2]),
        b.initializer('weight', Tensor.of('float32', [2, 3], MATRIX)),
      ]),
    );
    const model = b.build();
    const [last] = model.graph.nodes as [Node];
    const after = makeNode({ opType: 'Relu', inputs: ['odd'], outputs: ['y'] });
    const inner = [{ ...last, outputs: ['before'] }, ...nodes, after];
    return {
      ...model,
      graph: { ...model.graph, inputs: [x], nodes: inner, outputs: [{ name: 'y', type: undefined }] },
    };
  };
  const node = (opType: string, more: Partial<Node> = {}): Node => ({
    ...makeNode({ name: 'middle', opType, inputs: ['before'], outputs: ['odd'] }),
    ...more,
  });
  const imports = (model: Model, domain: string): Model => ({
    ...model,
    opsets: new Map([...model.opsets, [domain, 1]]),
  });

  it.each<[string, Model, string]>([
    [
      'a local function',
      imports(through(node('Twice', { domain: 'local' })), 'local'),
      "node 'middle' (Twice): 'local.Twice' is not an operator that Skein knows",
    ],
    ['a Loop', through(node('Loop')), "node 'middle' (Loop): 'Loop' is not an operator that Skein knows"],
    [
      'a missing value',
      through(node('Relu', { inputs: ['nowhere'] })),
      "has no value 'nowhere', which node 'middle' (Relu) uses",
    ],
    ['a cycle', through(node('Relu', { inputs: ['y'] })), 'cycle through'],
    ['a value made twice', through(node('Relu'), node('Relu')), "defines value 'odd' twice"],
    [
      'an operator set of the future',
      { ...through(node('Relu')), opsets: new Map([['', 99]]) },
      'up to 26, received 99',
    ],
  ])('%s', (_, model, message) => {
    for (const mode of ['eval', 'train'] as const) {
      expect(() => gradientModel(model, { loss: 'cross-entropy', mode })).toThrow(message);
    }
  });
});
