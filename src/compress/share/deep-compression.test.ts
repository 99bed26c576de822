import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { smallImages, smallNetwork, smallOptions } from '../../../test/small-training.ts';
import type { Dataset } from '../../data/index.ts';
import type { Model } from '../../graph/index.ts';
import { encodeSkz, parseModel, serializeModel } from '../../onnx/index.ts';
import { GraphBuilder } from '../../ops/index.ts';
import { weightTensors } from '../../transforms/index.ts';
import { fineTune } from '../fine-tune.ts';
import { type CompressionStep, type DeepCompressionOptions, deepCompression } from './deep-compression.ts';
import { sizeReport } from './layer-sizes.ts';

let training: Dataset;
beforeAll(async () => {
  training = await smallImages(50);
});
afterAll(() => training.close());

interface Trained {
  readonly name: string;
  readonly epochs: number | undefined;
  readonly images: number | undefined;
}

function options(changes: Partial<DeepCompressionOptions> = {}, trained: Trained[] = []): DeepCompressionOptions {
  const { model: _, ...words } = smallOptions(training);
  return {
    sparsity: 0.75,
    criterion: 'lamp',
    steps: 2,
    bits: { conv: 3, fc: 2 },
    epochs: 5,
    codebookRate: 1e-3,
    training,
    seed: 1,
    fineTune: (name, model, more) => {
      trained.push({ name, epochs: more.epochs, images: more.sampler?.size });
      return fineTune(model, { ...words, ...more });
    },
    ...changes,
  };
}

const weights = (model: Model) =>
  weightTensors(model).map(({ name }) => [...(model.graph.initializers.get(name)?.float32s() ?? [])]);

describe('deepCompression()', () => {
  it('leaves so many zeros and so few values, through every step, in the same graph', async () => {
    const steps: CompressionStep[] = [];
    const trained: Trained[] = [];
    const given = smallNetwork();
    const model = await deepCompression(given, options({ onStep: (step) => void steps.push(step) }, trained));
    expect(trained).toEqual([
      { name: 'retrain-1', epochs: 1, images: 50 },
      { name: 'retrain-2', epochs: 3, images: 50 },
      { name: 'codebooks', epochs: 1, images: 50 },
    ]);
    // 402 weights; 0.75 · (1 − 1/8) of them go first, of each step a whole number.
    const names = ['pruned', 'retrained', 'pruned', 'retrained', 'shared', 'codebooks trained'];
    expect(steps.map(({ name }) => name)).toEqual(names);
    const zeros = [264, 264, 302, 302, 302, 302].map((count) => count / 402);
    expect(steps.map(({ sparsity }) => sparsity)).toEqual(zeros);
    const [conv = [], fc = []] = weights(model);
    expect(new Set(conv).size).toBeLessThanOrEqual(2 ** 3);
    expect(new Set(fc).size).toBeLessThanOrEqual(2 ** 2);
    expect(model.graph.nodes).toEqual(given.graph.nodes);
    expect([...model.graph.initializers.keys()]).toEqual([...given.graph.initializers.keys()]);
    // Training moved the centroids, and moved nothing away from them.
    const [shared, tuned] = steps.slice(-2).map((step) => weights(step.model));
    expect(tuned).not.toEqual(shared);
    expect(tuned?.map((layer) => new Set(layer).size)).toEqual(shared?.map((layer) => new Set(layer).size));
    const { bytes, tensors } = encodeSkz(model);
    expect(tensors.map(({ elements }) => elements)).toEqual([162, 240]);
    expect(Buffer.from(serializeModel(parseModel(bytes))).equals(serializeModel(model))).toBe(true);
  });

  it('comes to the same bits again', async () => {
    const once = await deepCompression(smallNetwork(), options());
    expect(weights(await deepCompression(smallNetwork(), options()))).toEqual(weights(once));
  });

  it('without epochs trains nothing, without sparsity prunes nothing', async () => {
    const trained: Trained[] = [];
    const model = await deepCompression(smallNetwork(), options({ epochs: 0, sparsity: 0 }, trained));
    expect(trained.filter(({ epochs }) => epochs !== 0)).toEqual([]);
    expect(weights(model).flat()).not.toContain(0);
    expect(new Set(weights(model)[0]).size).toBe(8);
  });

  it('refuses a model without weights to share', async () => {
    const b = new GraphBuilder();
    b.output('y', b.relu(b.input('x', 'float32', ['n', 3, 8, 8])));
    await expect(deepCompression(b.build(), options())).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('no float32 weights of convolutions'),
    });
  });

  it('stops on the signal', async () => {
    const stop = new AbortController();
    const onStep = () => stop.abort();
    const stopped = deepCompression(smallNetwork(), options({ epochs: 0, onStep, signal: stop.signal }));
    await expect(stopped).rejects.toMatchObject({ code: 'cancelled' });
  });
});

describe('sizeReport()', () => {
  it('adds up to the file', async () => {
    const model = await deepCompression(smallNetwork(), options({ epochs: 0 }));
    const { layers, total, otherBytes, fileBytes } = sizeReport(model, () => 4);
    expect(fileBytes).toBe(encodeSkz(model, { indexBits: () => 4 }).bytes.length);
    expect(layers.map(({ name, weights: count }) => [name, count])).toEqual(
      weightTensors(model).map(({ name, size }) => [name, size]),
    );
    expect(total.bytes + otherBytes).toBe(fileBytes);
    expect(total).toMatchObject({ weights: 402, kept: 100, original: 402 * 32, huffman: 8 * total.bytes });
    const kept = weights(model).map((layer) => layer.filter((weight) => weight !== 0).length);
    expect(layers.map((layer) => layer.kept)).toEqual(kept);
    for (const layer of layers) {
      expect(layer.pruned).toBeGreaterThanOrEqual(layer.kept * (32 + 4));
      expect(layer.shared).toBeLessThan(layer.pruned);
    }
  });

  it('counts a layer that is not coded as its floats', () => {
    const { layers, total } = sizeReport(smallNetwork(), () => 8);
    for (const layer of layers) {
      expect(layer).toMatchObject({ codebook: 0, bytes: 4 * layer.weights, shared: layer.original });
    }
    expect(total.huffman).toBe(total.original);
  });
});
