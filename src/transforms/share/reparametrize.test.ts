import { describe, expect, it } from 'vitest';
import { expectClose } from '../../../test/expect-close.ts';
import { feed, randomFeeds, runModel } from '../../../test/run-onnx.ts';
import { smallNetwork } from '../../../test/small-training.ts';
import { differentiate, GraphWriter, gradientModel } from '../../autodiff/index.ts';
import { Random } from '../../base/index.ts';
import { type Model, Tensor } from '../../graph/index.ts';
import { serializeModel } from '../../onnx/index.ts';
import { GraphBuilder } from '../../ops/index.ts';
import { magnitudeMasks } from './magnitude-masks.ts';
import { withCodebooks, withMasks } from './reparametrize.ts';
import { sharedValues, shareWeights, withWeights } from './shared-weights.ts';
import { weightTensors } from './weight-tensors.ts';

const valuesOf = ({ graph }: Model, name: string) => graph.initializers.get(name)?.float32s() ?? new Float32Array();
const outputOf = async (model: Model, name = 'logits') =>
  (await runModel(model, randomFeeds(model, 4)))[name]?.data as Float32Array;

/** The loss's gradient by an initializer, for fixed random images. */
async function gradientBy(model: Model, name: string): Promise<Float32Array> {
  const gradients = gradientModel(model, { loss: 'cross-entropy', wrt: [name] });
  const random = new Random(8);
  const images = Float32Array.from({ length: 4 * 192 }, () => random.normal());
  const labels = BigInt64Array.of(3n, 1n, 4n, 1n);
  const outputs = await runModel(gradients, {
    input: feed('float32', images, [4, 3, 8, 8]),
    labels: feed('int64', labels, [4]),
  });
  return outputs[`grad.${name}`]?.data as Float32Array;
}

const model = smallNetwork();
const layers = weightTensors(model);

it('weightTensors() are convolutions and matrices, without biases and norms', () => {
  expect(layers.map(({ kind, size }) => [kind, size])).toEqual([
    ['conv', 6 * 3 * 9],
    ['fc', 24 * 10],
  ]);
});

describe('withMasks()', () => {
  const weights = layers.map(({ name }) => valuesOf(model, name));
  const masks = new Map(
    layers.map(({ name }, i) => [name, magnitudeMasks(weights, 0.6, 'uniform')[i] as Uint8Array<ArrayBuffer>]),
  );
  const masked = withMasks(model, masks);

  it('computes what the model with those weights zero computes', async () => {
    const zeroed = new Map(
      [...masks].map(([name, mask]) => [name, valuesOf(model, name).map((w, i) => w * (mask[i] ?? 0))]),
    );
    expect(await outputOf(masked.model)).toEqual(await outputOf(withWeights(model, zeroed)));
    expect(await outputOf(masked.restore(masked.model))).toEqual(await outputOf(masked.model));
  });

  it('gives a pruned weight no gradient, and the others that which they have with it at zero', async () => {
    const plain = masked.restore(masked.model);
    for (const [name, mask] of masks) {
      const expected = (await gradientBy(plain, name)).map((slope, i) => slope * (mask[i] ?? 0));
      expect(expected.some((slope) => slope !== 0)).toBe(true);
      expectClose(await gradientBy(masked.model, name), [...expected], 1e-6);
    }
  });

  it('restore() gives the graph back, with what was learnt everywhere', () => {
    const bias = [...model.graph.initializers.keys()].find((name) => name.endsWith('bias')) ?? '';
    const learnt = withWeights(masked.model, new Map([[bias, valuesOf(model, bias).map(() => 5)]]));
    const restored = masked.restore(learnt);
    expect(restored.graph.nodes).toEqual(model.graph.nodes);
    expect([...restored.graph.initializers.keys()]).toEqual([...model.graph.initializers.keys()]);
    expect([...valuesOf(restored, bias)].every((value) => value === 5)).toBe(true);
    expect(serializeModel(model)).toEqual(serializeModel(smallNetwork()));
  });
});

describe('withCodebooks()', () => {
  it("gives the grouped gradient of the paper's figure 3", async () => {
    const codes = [3, 0, 2, 1, 1, 1, 0, 3, 0, 3, 1, 0, 3, 1, 2, 2];
    const gradient = [
      -0.03, -0.01, 0.03, 0.02, -0.01, 0.01, -0.02, 0.12, -0.01, 0.02, 0.04, 0.01, -0.07, -0.02, 0.01, -0.02,
    ];
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [4, 4]);
    const weight = b.constant(Tensor.float32([4, 4], new Float32Array(16)));
    b.output('y', b.op('MatMul', [x, weight]));
    const shared = { codebook: Float32Array.of(-1, 0, 1.5, 2), codes: Uint16Array.from(codes, (code) => code + 1) };
    const { model: coded } = withCodebooks(b.build(), new Map([[weight, shared]]));
    const book = [...coded.graph.initializers.keys()].find((name) => name.endsWith('codebook')) ?? '';
    const writer = new GraphWriter(coded);
    // With x the identity, the gradient by the weight is that by y.
    const dy = writer.constant(Tensor.of('float32', [4, 4], gradient));
    const slopes = differentiate(writer, { seeds: new Map([['y', dy]]), wrt: [book] });
    const identity = Float32Array.from({ length: 16 }, (_, i) => (i % 5 === 0 ? 1 : 0));
    const outputs = await runModel(writer.build(new Map([['slope', slopes.get(book) ?? '']])), {
      x: feed('float32', identity, [4, 4]),
    });
    expectClose(outputs.slope?.data as Float32Array, [-0.03, 0.04, 0.02, 0.04], 1e-6);
  });

  const shared = new Map(
    layers.map(({ name }) => {
      const weights = valuesOf(model, name);
      const [mask] = magnitudeMasks([weights], 0.5, 'magnitude');
      return [
        name,
        shareWeights(
          weights.map((weight, i) => weight * (mask?.[i] ?? 0)),
          3,
        ),
      ] as const;
    }),
  );

  it.each([10, 13, 17])('computes with the shared values, and sums their gradients, in opset %i', async (opset) => {
    const given = { ...model, opsets: new Map([['', opset]]) };
    const coded = withCodebooks(given, shared);
    const plain = withWeights(given, new Map([...shared].map(([name, each]) => [name, sharedValues(each)])));
    expect(await outputOf(coded.model)).toEqual(await outputOf(plain));
    for (const [name, { codebook, codes }] of shared) {
      expect(codebook.length).toBe(7);
      const expected = new Float64Array(8);
      for (const [i, slope] of (await gradientBy(plain, name)).entries()) {
        const code = codes[i] as number;
        expected[code] = (expected[code] as number) + slope;
      }
      expectClose(await gradientBy(coded.model, `${name}/codebook`), [...expected.subarray(1)], 1e-5);
    }
  });

  it('restore() puts what the codebooks became into the weights, and leaves zeros zero', () => {
    const coded = withCodebooks(model, shared);
    const [name, { codes }] = [...shared][0] as typeof shared extends Map<infer K, infer V> ? [K, V] : never;
    const learnt = withWeights(coded.model, new Map([[`${name}/codebook`, Float32Array.of(1, 2, 3, 4, 5, 6, 7)]]));
    const restored = coded.restore(learnt);
    expect([...valuesOf(restored, name)]).toEqual([...codes]);
    expect(restored.graph.nodes).toEqual(model.graph.nodes);
    expect([...restored.graph.initializers.keys()]).toEqual([...model.graph.initializers.keys()]);
  });

  it('leaves a layer of nothing but zeros as it is', () => {
    const [{ name, size } = { name: '', size: 0 }] = layers;
    const zeros = withWeights(model, new Map([[name, new Float32Array(size)]]));
    const none = new Map([[name, shareWeights(new Float32Array(size), 4)]]);
    expect(withCodebooks(zeros, none).model.graph.initializers.has(name)).toBe(true);
  });
});
