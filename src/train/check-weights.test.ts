import { expect, it } from 'vitest';
import { Tensor } from '../graph/index.ts';
import { GraphBuilder } from '../ops/index.ts';
import { checkWeights } from './check-weights.ts';

it('checkWeights() names the initializer that holds NaN, and takes infinities', () => {
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', ['batch', 2]);
  const masked = b.add(x, b.initializer('mask', Tensor.of('float32', [2], [0, Number.NEGATIVE_INFINITY])));
  b.output('y', b.op('Mul', [masked, b.initializer('scale', Tensor.of('float32', [2], [1, 2]))]));
  const { graph } = b.build();
  checkWeights(graph);
  const initializers = new Map(graph.initializers).set('scale', Tensor.of('float32', [2], [1, Number.NaN]));
  expect(() => checkWeights({ ...graph, initializers })).toThrow(
    "its weights must be numbers, 'scale' holds NaN: take the model",
  );
});
