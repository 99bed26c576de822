import { describe, expect, it } from 'vitest';
import { randomFeeds, runModel } from '../../test/run-onnx.ts';
import { type Model, Tensor } from '../graph/index.ts';
import { GraphBuilder } from './graph-builder.ts';
import { liftWeights } from './lift-weights.ts';
import { trainableInitializers } from './trainable-initializers.ts';

/** Two layers and a normalisation of the image, with weights in Constant nodes and literals beside them. */
function inConstants(): Model {
  const b = new GraphBuilder();
  const constant = (name: string, dims: readonly number[], from = 1) => {
    const size = dims.reduce((product, dim) => product * dim, 1);
    const value = Tensor.of(
      'float32',
      dims,
      Array.from({ length: size }, (_, i) => Math.sin(i + from)),
    );
    return b.op('Constant', [], { value }, { name });
  };
  const x = b.op('Sub', [b.input('x', 'float32', ['batch', 3, 4, 4]), constant('pixels', [3, 1, 1])]);
  let y = b.op('Conv', [x, constant('kernel', [2, 3, 1, 1]), constant('shift', [2])]);
  y = b.op('BatchNormalization', [
    y,
    ...['scale', 'offset'].map((name) => constant(name, [2])),
    constant('mean', [2]),
    constant('deviation', [2], 0.5),
  ]);
  y = b.op('Div', [y, b.op('Constant', [], { value_float: 2 })]);
  const matrix = b.op('Transpose', [constant('matrix', [1, 2])], { perm: [1, 0] });
  const product = b.op('MatMul', [b.flatten(b.globalAveragePool(y)), matrix]);
  b.output('y', b.add(product, b.op('Constant', [], { value_floats: [0.5] }, { name: 'bias' })));
  return b.build();
}

const short = (names: Iterable<string>) => [...names].map((name) => name.split('_')[0]?.slice(1));

describe('liftWeights()', () => {
  it('makes initializers of what stands where learnt numbers go, and of nothing else', () => {
    const { graph } = liftWeights(inConstants());
    const names = ['kernel', 'shift', 'scale', 'offset', 'mean', 'deviation', 'matrix', 'bias'];
    expect(short(graph.initializers.keys())).toEqual(names);
    expect(short(trainableInitializers(graph))).toEqual(
      names.filter((name) => name !== 'mean' && name !== 'deviation'),
    );
    const left = graph.nodes.filter(({ opType }) => opType === 'Constant');
    expect(left).toHaveLength(2);
  });

  it('changes no number', async () => {
    const model = inConstants();
    const feeds = randomFeeds(model, 1);
    expect((await runModel(liftWeights(model), feeds)).y?.data).toEqual((await runModel(model, feeds)).y?.data);
  });

  it('gives a model without such back as it is', () => {
    const lifted = liftWeights(inConstants());
    expect(liftWeights(lifted)).toBe(lifted);
  });
});
