import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CLASSES, writeColorData } from '../../../test/color-world.ts';
import { inOldWords, oldFashioned } from '../../../test/old-models.ts';
import { randomFeeds, runModel } from '../../../test/run-onnx.ts';
import { type Dataset, openData } from '../../data/index.ts';
import { type Model, Tensor } from '../../graph/index.ts';
import { GraphBuilder } from '../../ops/index.ts';
import { Meter } from '../meter.ts';
import { sweepBits } from './bit-sweep.ts';
import { observeHistograms } from './calibrate.ts';
import { type QuantizeContext, quantizeToDrop } from './quantize-to-drop.ts';

const meter = new Meter();
const preprocessing = { shape: [3, 32, 32], mean: [0, 0, 0], std: [1, 1, 1] } as const;
let folder: string;
let data: Dataset;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-quantize-'));
  await writeColorData(folder, 100);
  data = await openData(folder, { split: 'test' });
});
afterAll(async () => {
  await meter.close();
  await data.close();
  await rm(folder, { recursive: true, force: true });
});

/**
 * Reads the class from the mean green, through layers of which the second has a channel of 10^4 that the third leaves out:
 * steps of 8 bits are then 39 wide, and green lies between 0 and 1.
 * @param earlier the same in two layers before
 */
function greenReader(ballast = 1e4, earlier?: number): Model {
  const b = new GraphBuilder();
  const layer = (name: string, from: string, rows: readonly (readonly number[])[], bias: readonly number[]): string => {
    const inputs = [
      from,
      b.parameter(`${name}.weight`, [rows.length, rows[0]?.length ?? 0, 1, 1], rows.flat()),
      b.parameter(`${name}.bias`, [bias.length], bias),
    ];
    return b.relu(b.op('Conv', inputs, {}, { name }));
  };
  let x = b.input('x', 'float32', ['batch', 3, 32, 32]);
  x = layer(
    'copy',
    x,
    [
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ],
    [0, 0, 0],
  );
  const widened = (name: string, from: string, row: readonly number[], size: number): string => {
    const wide = layer(`widen${name}`, from, [row, row.map(() => 0)], [0, size]);
    return layer(`narrow${name}`, wide, [[1, 0]], [0]);
  };
  if (earlier !== undefined) x = widened('-earlier', x, [0, 1, 0], earlier);
  x = widened('', x, earlier === undefined ? [0, 1, 0] : [1], ballast);
  const weight = b.constant(Tensor.float32([1, 1], Float32Array.of(255)));
  const green = b.op('MatMul', [b.flatten(b.globalAveragePool(x)), weight], {}, { name: 'read' });
  const centers = Tensor.float32(
    [1, CLASSES],
    Float32Array.from({ length: CLASSES }, (_, k) => 25 * k + 12),
  );
  b.output('scores', b.op('Neg', [b.op('Abs', [b.op('Sub', [green, b.constant(centers)])])]));
  return b.build();
}

const context = (): QuantizeContext => ({ meter, training: data, heldOut: data, preprocessing });
const options = { method: 'min-max', maxDrop: 0.003, measureSpeed: false } as const;

it('leaves everything in int8 where nothing is lost', async () => {
  const outcome = await quantizeToDrop(greenReader(1), context(), { ...options, sensitivity: true });
  expect(outcome.top1).toEqual({ before: 1, int8: 1, after: 1 });
  expect(outcome.layers.map(({ name, inFloat }) => [name, inFloat])).toEqual([
    ['/copy', undefined],
    ['/widen', undefined],
    ['/narrow', undefined],
    ['/read', undefined],
  ]);
  for (const { divergence } of outcome.layers) expect(divergence).toBeLessThan(0.1);
});

it('gives back the layers that lose what the others need, and no more', async () => {
  const notes: string[] = [];
  const outcome = await quantizeToDrop(greenReader(), { ...context(), onNote: (line) => notes.push(line) }, options);
  expect(outcome.top1.before).toBe(1);
  expect(outcome.top1.int8).toBeLessThan(0.5);
  expect(outcome.top1.after).toBe(1);
  expect(outcome.layers.map(({ name, inFloat }) => [name, inFloat])).toEqual([
    ['/copy', undefined],
    ['/widen', 'accuracy'],
    ['/narrow', 'accuracy'],
    ['/read', undefined],
  ]);
  expect(notes.at(-1)).toBe('2 more in float 100.00 %');
  expect((await meter.accuracy(outcome.model, data, preprocessing)).top1).toBe(1);
  const opTypes = outcome.model.graph.nodes.map(({ opType }) => opType);
  expect(opTypes).toContain('QuantizeLinear');
});

it('trains first where it may, and takes what came out if it is better', async () => {
  const seen: Model[] = [];
  const outcome = await quantizeToDrop(
    greenReader(),
    {
      ...context(),
      // As training might: green is made as large as what stands beside it.
      fineTune: async (fake) => {
        seen.push(fake);
        const initializers = new Map(fake.graph.initializers);
        initializers.set('widen.weight', Tensor.float32([2, 3, 1, 1], Float32Array.of(0, 1e4, 0, 0, 0, 0)));
        initializers.set('narrow.weight', Tensor.float32([1, 2, 1, 1], Float32Array.of(1e-4, 0)));
        return { ...fake, graph: { ...fake.graph, initializers } };
      },
    },
    options,
  );
  expect(seen[0]?.graph.nodes.map(({ opType }) => opType)).toContain('DequantizeLinear');
  expect(outcome).toMatchObject({ trained: true, top1: { before: 1, trained: 1, after: 1 } });
  expect(outcome.layers.every(({ inFloat }) => inFloat === undefined)).toBe(true);
  const notes: string[] = [];
  const noting = { ...context(), onNote: (line: string) => notes.push(line) };
  const kept = await quantizeToDrop(greenReader(), { ...noting, fineTune: async (fake) => fake }, options);
  expect(kept.trained).toBe(false);
  expect(notes[1]).toMatch(/^trained with the rounding [0-4]\d\.\d\d %: too little, layers go back to float$/);
  expect(kept.layers.filter(({ inFloat }) => inFloat === 'accuracy')).toHaveLength(2);
});

it('takes a model of an old operator set, and says of it what it says of a newer one', async () => {
  const newer = oldFashioned(32);
  const any = { ...options, maxDrop: 1 };
  const [outcome, expected] = [
    await quantizeToDrop(inOldWords(newer, 9), context(), any),
    await quantizeToDrop(newer, context(), any),
  ];
  expect(outcome.layers).toHaveLength(3);
  expect({ ...outcome, model: undefined }).toEqual({ ...expected, model: undefined });
  const feeds = randomFeeds(newer, 1);
  expect(await runModel(outcome.model, feeds)).toEqual(await runModel(expected.model, feeds));
});

it('leaves in float what the caller names', async () => {
  const outcome = await quantizeToDrop(greenReader(1), context(), { ...options, exclude: ['/copy'] });
  expect(outcome.layers.map(({ inFloat }) => inFloat)).toEqual(['excluded', undefined, undefined, undefined]);
});

it('sweepBits() shows where accuracy ends', async () => {
  const model = greenReader(1);
  const histograms = await observeHistograms(model, meter, data, preprocessing);
  const judging = { meter, data, preprocessing };
  const { float, bits, whole, layers } = await sweepBits(model, histograms, judging, { ranges: { method: 'min-max' } });
  expect(float).toEqual({ whole: 1, layers: 1 });
  expect(bits).toEqual([8, 7, 6, 5, 4, 3, 2]);
  // Green has 10 levels: 8 bits tell them apart, 2 bits at most 4 of them. Weights of one number each need no bits.
  expect(whole.map(({ bits: at }) => at)).toEqual([...bits]);
  expect([whole[0]?.both, whole[0]?.weights, whole.at(-1)?.weights]).toEqual([1, 1, 1]);
  expect(whole.at(-1)?.both).toBeLessThanOrEqual(0.4);
  const copy = layers.find(({ name }) => name === '/copy');
  expect(copy?.top1[0]).toBe(1);
  expect(copy?.top1.at(-1)).toBeLessThanOrEqual(0.4);
  const parts = new Map<string, number[]>();
  const keep = async (part: string, make: () => Promise<number[]>): Promise<number[]> => {
    const row = parts.get(part) ?? (await make());
    parts.set(part, row);
    return row;
  };
  const ranges = { method: 'min-max' } as const;
  const again = await sweepBits(model, histograms, judging, { ranges, keep });
  let tried = 0;
  const resumed = await sweepBits(model, histograms, judging, { ranges, keep, onProgress: () => tried++ });
  expect([again.layers, resumed.whole, tried]).toEqual([layers, whole, 0]);
});

it('keeps what was trained where fewer layers go back to float with it', async () => {
  // Training mends the earlier two of the four layers that lose too much.
  const scaled = (weight: string, factor: number, model: Model): Model => {
    const initializers = new Map(model.graph.initializers);
    const tensor = initializers.get(weight) as Tensor;
    initializers.set(
      weight,
      Tensor.float32(
        tensor.dims,
        tensor.float32s().map((value) => factor * value),
      ),
    );
    return { ...model, graph: { ...model.graph, initializers } };
  };
  const fineTune = async (fake: Model) =>
    scaled('narrow-earlier.weight', 1 / 100, scaled('widen-earlier.weight', 100, fake));
  const whole = await quantizeToDrop(greenReader(1e4, 100), context(), options);
  expect(whole.layers.filter(({ inFloat }) => inFloat === 'accuracy')).toHaveLength(4);
  const outcome = await quantizeToDrop(greenReader(1e4, 100), { ...context(), fineTune }, options);
  expect(outcome).toMatchObject({ trained: true, top1: { before: 1, after: 1 } });
  const inFloat = outcome.layers.filter(({ inFloat }) => inFloat === 'accuracy').map(({ name }) => name);
  expect(inFloat).toEqual(['/widen', '/narrow']);
  expect((await meter.accuracy(outcome.model, data, preprocessing)).top1).toBe(1);
});
