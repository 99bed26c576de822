import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CLASSES, writeColorData } from '../../test/color-world.ts';
import { smallImages, smallNetwork } from '../../test/small-training.ts';
import { openData } from '../data/index.ts';
import { GraphEditor, Tensor } from '../graph/index.ts';
import { GraphBuilder } from '../ops/index.ts';
import { Meter } from './meter.ts';

const meter = new Meter();
afterAll(() => meter.close());

/** As it is: no mean, no spread. */
const preprocessing = { shape: [3, 32, 32], mean: [0, 0, 0], std: [1, 1, 1] } as const;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-meter-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Scores every class by minus the distance of the image's mean green, 0 to 255, from that of the class. */
function greenReader(batch: number | string) {
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', [batch, 3, 32, 32]);
  const weights = Tensor.float32([3, 1], Float32Array.of(0, 255, 0));
  const green = b.op('MatMul', [b.flatten(b.globalAveragePool(x)), b.constant(weights)]);
  const centers = Tensor.float32(
    [1, CLASSES],
    Float32Array.from({ length: CLASSES }, (_, k) => 25 * k + 12),
  );
  b.output('scores', b.op('Neg', [b.op('Abs', [b.op('Sub', [green, b.constant(centers)])])]));
  return b.build();
}

it.each([['batch'], [7]])('knows how often a model of batch %s is right', async (batch) => {
  const world = await writeColorData(folder, 100);
  const data = await openData(folder, { split: 'test' });
  const { top1, images } = await meter.accuracy(greenReader(batch), data, preprocessing);
  const right = world.green.filter((green, i) => Math.floor(green / 25) === world.labels[i]).length;
  // Green lies within 8 of its class's centre, whose neighbours are 25 away.
  expect({ top1, images }).toEqual({ top1: right / 100, images: 100 });
  expect(right).toBe(100);
});

it('takes the probabilities of a Softmax as such', async () => {
  const data = await smallImages(20);
  const small = { shape: [3, 8, 8], mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } as const;
  const model = smallNetwork();
  const editor = new GraphEditor(model.graph);
  const softmax = editor.addNode({ opType: 'Softmax', inputs: ['logits'], attributes: { axis: 1 } });
  editor.setOutputs([{ name: softmax.outputs[0] ?? '', type: undefined }]);
  const { top1, loss } = await meter.accuracy({ ...model, graph: editor.build() }, data, small);
  const raw = await meter.accuracy(model, data, small);
  expect(top1).toBe(raw.top1);
  expect(loss).toBeCloseTo(raw.loss, 5);
});

it('stops on the signal, and says how far it is', async () => {
  const data = await smallImages(20);
  const small = { shape: [3, 8, 8], mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } as const;
  const stop = new AbortController();
  const told: number[] = [];
  const onImages = (images: number): void => {
    told.push(images);
    if (images === 10) stop.abort();
  };
  const options = { batch: 5, signal: stop.signal, onImages };
  await expect(meter.accuracy(smallNetwork(), data, small, options)).rejects.toThrow('Stopped after 10 images');
  expect(told).toEqual([5, 10]);
});

it('shows values inside a model, for the images asked for', async () => {
  const data = await smallImages(20);
  const model = smallNetwork();
  const inside = model.graph.nodes.find(({ opType }) => opType === 'Relu')?.outputs[0] ?? '';
  const small = { shape: [3, 8, 8], mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } as const;
  const seen: number[] = [];
  for await (const { count, labels, values } of meter.observe(model, [inside, 'logits'], data, small, {
    order: [3, 1, 4],
    batch: 2,
  })) {
    expect(values.get(inside)?.dims).toEqual([count, 6, 8, 8]);
    expect(values.get('logits')?.dims).toEqual([count, 10]);
    expect(Math.min(...((values.get(inside)?.data ?? []) as Float32Array))).toBe(0);
    seen.push(...labels);
  }
  expect(seen).toEqual([3, 1, 4].map((i) => data.label(i)));
});

it('finds the model of a hundred times the work to be the slower one', async () => {
  const wide = (out: number) => {
    const b = new GraphBuilder();
    b.output('y', b.conv(b.input('x', 'float32', ['batch', 3, 32, 32]), { out, kernel: 5, padding: 2 }));
    return b.build();
  };
  const [light, heavy] = [wide(2), wide(256)];
  const timing = { rounds: 3, roundMs: 5 };
  const [small = 0, big = 0, both = 0] = await meter.latenciesMs([light, heavy, [light, heavy]], timing);
  expect(big).toBeGreaterThan(small);
  // Asked one after another, they take what each of them takes.
  expect(both).toBeGreaterThan(small);
});

it('refuses data of other classes', async () => {
  const data = await smallImages(10);
  const outputs = smallNetwork({ outputs: 4 });
  const small = { shape: [3, 8, 8], mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } as const;
  await expect(meter.accuracy(outputs, data, small)).rejects.toThrow(
    "Cannot measure on 'shapes': the model has 4 scores, the data 10 classes",
  );
});
