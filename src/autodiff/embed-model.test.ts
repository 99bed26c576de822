/** A model inside another's graph must give what it gives alone. */
import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/expect-close.ts';
import { inOldWords, oldFashioned } from '../../test/old-models.ts';
import { feed, runModel } from '../../test/run-onnx.ts';
import { Random } from '../base/index.ts';
import { int, type Model, makeNode, Tensor } from '../graph/index.ts';
import { GraphBuilder } from '../ops/index.ts';
import { embedModel } from './embed-model.ts';
import { GraphWriter } from './graph-writer.ts';
import { type InputForm, writePreprocessing, writeResized } from './input-form.ts';
import { Terms } from './terms.ts';

const IMAGES = Float32Array.from({ length: 2 * 3 * 8 * 8 }, (_, i) => Math.sin(0.7 * i));

/** Statistics of its own, a reduction and equal parts, which operator set 18 writes in another way. */
function network(opset: number, seed: number): Model {
  const b = new GraphBuilder({ opset, seed });
  const x = b.input('input', 'float32', ['batch', 3, 8, 8]);
  const random = new Random(seed);
  const drawn = (size: number) => Float32Array.from({ length: size }, () => random.uniform(0.5, 1.5));
  const parameters = ['scale', 'bias', 'mean', 'variance'].map((name) => b.parameter(name, [4], drawn(4)));
  const conv = b.conv(x, { out: 4, kernel: 3, padding: 1 });
  const norm = b.relu(b.op('BatchNormalization', [conv, ...parameters]));
  const parts = b.ops('Split', [norm], opset < 18 ? { axis: 1 } : { axis: 1, num_outputs: 2 }, { outputs: 2 });
  const y = b.dropout(b.add(parts[0] as string, parts[1] as string));
  const pooled =
    opset < 18
      ? b.op('ReduceMean', [y], { axes: [2, 3], keepdims: 0 })
      : b.op('ReduceMean', [y, b.constant(Tensor.int64s([2, 3]))], { keepdims: 0 });
  b.output('logits', b.linear(pooled, { out: 5 }));
  return b.build();
}

async function scoresOf(model: Model, output: string): Promise<Float32Array> {
  const outputs = await runModel(model, { input: feed('float32', IMAGES, [2, 3, 8, 8]) });
  return outputs[output]?.data as Float32Array;
}

function embedded(outer: Model, inner: Model): Model {
  const writer = new GraphWriter(outer);
  const [scores = ''] = embedModel(writer, inner, { prefix: 'teacher/', feeds: new Map([['input', 'input']]) });
  return writer.build(
    new Map([
      ['logits', 'logits'],
      ['theirs', scores],
    ]),
  );
}

describe('embedModel()', () => {
  it('takes a model whose nodes have no names', async () => {
    const [student, teacher] = [network(17, 1), network(17, 2)];
    const nodes = teacher.graph.nodes.map((node) => ({ ...node, name: '' }));
    // Two of a kind, one of which has the name that the other might get.
    const [first, ...rest] = [...nodes, makeNode({ opType: 'Relu', inputs: ['logits'], outputs: ['more'] })];
    const unnamed = { ...teacher.graph, nodes: [{ ...(first as (typeof nodes)[number]), name: 'Relu' }, ...rest] };
    const both = embedded(student, { ...teacher, graph: unnamed });
    expectClose(await scoresOf(both, 'theirs'), [...(await scoresOf(teacher, 'logits'))], 1e-6);
  });

  it.each([
    [17, 17],
    [17, 18],
    [18, 17],
    [18, 13],
    [13, 20],
  ])('into operator set %i: a model of %i with the same names answers as it does alone', async (outer, inner) => {
    const [student, teacher] = [network(outer, 1), network(inner, 2)];
    const both = embedded(student, teacher);
    expectClose(await scoresOf(both, 'logits'), [...(await scoresOf(student, 'logits'))], 1e-6);
    expectClose(await scoresOf(both, 'theirs'), [...(await scoresOf(teacher, 'logits'))], 1e-6);
  });

  it('brings the operator sets of its nodes along', () => {
    const teacher = { ...network(17, 2), opsets: new Map([...network(17, 2).opsets, ['com.microsoft', 1]]) };
    const { opsets } = embedded(network(17, 1), teacher);
    expect([...opsets].sort()).toEqual([
      ['', 17],
      ['com.microsoft', 1],
    ]);
  });

  it('refuses what it cannot write, by name', () => {
    const model = network(17, 2);
    const branch = { ...model.graph, inputs: [], nodes: [] };
    const flow = makeNode({ name: 'choice', opType: 'If', inputs: ['logits'], outputs: ['z'] });
    const node = { ...flow, attributes: new Map([['then_branch', { kind: 'graph', value: branch } as const]]) };
    const withFlow = { ...model, graph: { ...model.graph, nodes: [...model.graph.nodes, node] } };
    expect(() => embedded(network(17, 1), withFlow)).toThrow(
      "Cannot embed the model: node 'choice' (If) has graphs inside; export it without control flow",
    );
    const old = { ...model, opsets: new Map([['', 6]]) };
    expect(() => embedded(network(17, 1), old)).toThrow('from operator set 6 to 13: it must use 7 or newer');
    const writer = new GraphWriter(network(17, 1));
    expect(() => embedModel(writer, model, { prefix: 't/', feeds: new Map() })).toThrow(
      "The embedded model's input 'input' is not fed",
    );
  });

  it('takes a model of an old operator set as it stands', async () => {
    const teacher = inOldWords(oldFashioned(8), 7);
    const both = embedded(network(17, 1), teacher);
    expectClose(await scoresOf(both, 'theirs'), [...(await scoresOf(teacher, 'probabilities'))], 1e-6);
  });

  it('refuses a reduction whose axes are not known', () => {
    const b = new GraphBuilder({ opset: 18 });
    const x = b.input('input', 'float32', ['batch', 3, 8, 8]);
    const axes = b.op('Cast', [b.op('ReduceMax', [x], { keepdims: 0 })], { to: int(7) });
    b.output('y', b.op('ReduceMean', [x, b.op('Unsqueeze', [axes, b.constant(Tensor.int64s([0]))])]));
    expect(() => embedded(network(17, 1), b.build())).toThrow(
      /The operator set 17 has no form of node '.*' \(ReduceMean\) of operator set 18/,
    );
  });
});

describe('writePreprocessing()', () => {
  async function made(from: InputForm, to: InputForm): Promise<Float32Array> {
    const b = new GraphBuilder();
    b.output('same', b.op('Identity', [b.input('x', 'float32', ['batch', ...from.shape])]));
    const writer = new GraphWriter(b.build());
    const t = new Terms(writer, { name: 'x', opType: 'x', outputs: ['x'] });
    const model = writer.build(new Map([['y', writePreprocessing(t, 'x', from, to)]]));
    const plane = (from.shape[1] ?? 0) * (from.shape[2] ?? 0);
    const data = PIXELS.map((pixel, i) => {
      const c = Math.floor(i / plane);
      return (pixel - (from.mean[c] ?? 0)) / (from.std[c] ?? 1);
    });
    return (await runModel(model, { x: feed('float32', Float32Array.from(data), [1, ...from.shape]) })).y
      ?.data as Float32Array;
  }

  /** Two channels of 2×4, RGB / 255. */
  const PIXELS = Array.from({ length: 16 }, (_, i) => ((i * 7) % 16) / 15);
  const form = { shape: [2, 2, 4], mean: [0.5, 0.4], std: [0.25, 0.2] };

  it('normalises by the other mean and spread', async () => {
    const to = { shape: [2, 2, 4], mean: [0.1, 0.7], std: [0.5, 0.3] };
    const expected = PIXELS.map((pixel, i) => (i < 8 ? (pixel - 0.1) / 0.5 : (pixel - 0.7) / 0.3));
    expectClose(await made(form, to), expected, 1e-5);
  });

  it('makes images smaller by averages', async () => {
    const to = { ...form, mean: [0, 0], std: [1, 1], shape: [2, 1, 2] };
    const mean = (c: number, x: number) =>
      [0, 1, 4, 5].reduce((sum, i) => sum + (PIXELS[8 * c + 2 * x + i] ?? 0), 0) / 4;
    expectClose(await made(form, to), [mean(0, 0), mean(0, 1), mean(1, 0), mean(1, 1)], 1e-5);
  });

  it('makes images larger by linear interpolation between pixel centres', async () => {
    const to = { ...form, mean: [0, 0], std: [1, 1], shape: [2, 2, 8] };
    const row = (start: number) =>
      Array.from({ length: 8 }, (_, x) => {
        const at = Math.min(Math.max((x + 0.5) / 2 - 0.5, 0), 3);
        const [low, share] = [Math.floor(at), at - Math.floor(at)];
        return (PIXELS[start + low] ?? 0) * (1 - share) + (PIXELS[start + Math.min(low + 1, 3)] ?? 0) * share;
      });
    expectClose(await made(form, to), [0, 4, 8, 12].flatMap(row), 1e-5);
  });

  it('refuses another number of channels', async () => {
    await expect(made(form, { shape: [3, 2, 4], mean: [0, 0, 0], std: [1, 1, 1] })).rejects.toThrow(
      'as many channels as the student: expected 2, received 3',
    );
  });
});

it('writeResized() gives any size from any other', async () => {
  for (const [from, to] of [
    [7, 5],
    [5, 7],
    [10, 3],
    [3, 10],
  ] as const) {
    const b = new GraphBuilder();
    b.output('same', b.op('Identity', [b.input('x', 'float32', ['batch', 1, from, from])]));
    const writer = new GraphWriter(b.build());
    const t = new Terms(writer, { name: 'x', opType: 'x', outputs: ['x'] });
    const model = writer.build(new Map([['y', writeResized(t, 'x', [to, to])]]));
    const { y } = await runModel(model, {
      x: feed('float32', new Float32Array(from * from).fill(3), [1, 1, from, from]),
    });
    expect(y?.dims).toEqual([1, 1, to, to]);
    expectClose(y?.data as Float32Array, new Array<number>(to * to).fill(3), 1e-6);
  }
});
