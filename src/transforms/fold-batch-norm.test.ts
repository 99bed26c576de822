import { expect, it } from 'vitest';
import { type Model, Tensor } from '../graph/index.ts';
import { GraphBuilder } from '../ops/index.ts';
import { foldBatchNorm } from './fold-batch-norm.ts';
import { runPasses } from './pass.ts';

const opTypes = (model: Model): string[] => model.graph.nodes.map(({ opType }) => opType);

/** The model with other elements in some initializers. */
function withValues(model: Model, values: Readonly<Record<string, readonly number[]>>): Model {
  const initializers = new Map(model.graph.initializers);
  for (const [name, elements] of Object.entries(values)) {
    initializers.set(name, Tensor.of('float32', initializers.get(name)?.dims ?? [], elements));
  }
  return { ...model, graph: { ...model.graph, initializers } };
}

it('folds a worked example', () => {
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', [1, 1, 2, 2]);
  b.output('y', b.batchNorm(b.conv(x, { out: 2, kernel: 1 }), { epsilon: 0 }));
  const model = withValues(b.build(), {
    'conv1.weight': [3, -1],
    'conv1.bias': [1, 2],
    'bn1.weight': [2, 5],
    'bn1.bias': [0.5, -1],
    'bn1.running_mean': [4, 1],
    'bn1.running_var': [16, 0.25],
  });
  const { graph } = runPasses(model, [foldBatchNorm]).model;
  expect(graph.nodes.map(({ opType, outputs }) => [opType, ...outputs])).toEqual([['Conv', 'y']]);
  // Scales 2/4 and 5/0.5: W' = [3·0.5, −1·10], b' = [0.5 + 0.5·(1 − 4), −1 + 10·(2 − 1)].
  expect([...graph.initializers].map(([name, tensor]) => [name, tensor.elements()])).toEqual([
    ['conv1.weight', [1.5, -10]],
    ['conv1.bias', [-1, 9]],
  ]);
});

it('adds a bias where the convolution has none', () => {
  const b = new GraphBuilder();
  b.output('y', b.batchNorm(b.conv(b.input('x', 'float32', [1, 3, 8, 8]), { out: 4, kernel: 3, bias: false })));
  const { graph } = runPasses(b.build(), [foldBatchNorm]).model;
  expect([...graph.initializers.keys()]).toEqual(['conv1.weight', 'conv1.bias']);
});

it('leaves a weight alone that is used elsewhere too', () => {
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', [1, 3, 8, 8]);
  const plain = b.conv(x, { out: 4, kernel: 3, bias: false });
  const again = b.op('Conv', [x, 'conv1.weight']);
  b.output('y', b.add(b.batchNorm(plain), again));
  const model = b.build();
  const { graph } = runPasses(model, [foldBatchNorm]).model;
  expect(graph.initializers.get('conv1.weight')).toBe(model.graph.initializers.get('conv1.weight'));
  expect(opTypes({ ...model, graph })).toEqual(['Conv', 'Conv', 'Add']);
});

it.each([
  ['the output of the convolution is used elsewhere', (b: GraphBuilder, x: string) => b.add(b.batchNorm(x), x)],
  ['something lies between', (b: GraphBuilder, x: string) => b.batchNorm(b.relu(x))],
  [
    'it is in training mode',
    (b: GraphBuilder, x: string) => {
      const parameters = ['scale', 'bias', 'mean', 'var'].map((name) => b.parameter(name, [4], 1));
      return b.ops('BatchNormalization', [x, ...parameters], { training_mode: 1 }, { outputs: 3 })[0] as string;
    },
  ],
])('does not fold where %s', (_, make) => {
  const b = new GraphBuilder();
  const x = b.conv(b.input('x', 'float32', [1, 3, 8, 8]), { out: 4, kernel: 3 });
  b.output('y', make(b, x));
  const model = b.build();
  expect(foldBatchNorm.apply(model)).toEqual({ model, changed: false });
});
