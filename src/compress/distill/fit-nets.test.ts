/** Stage 1 of FitNets: which layers are paired, what is learnt, and what stays as it was. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { expectClose } from '../../../test/expect-close.ts';
import { feed, runModel } from '../../../test/run-onnx.ts';
import { SMALL, smallTeacher, type TeacherWords, teacherNetwork } from '../../../test/small-teacher.ts';
import { smallImages, smallOptions } from '../../../test/small-training.ts';
import type { Dataset, Preprocessing } from '../../data/index.ts';
import type { Model } from '../../graph/index.ts';
import { GraphBuilder } from '../../ops/index.ts';
import { type FineTuneOptions, fineTune } from '../fine-tune.ts';
import { guidedStudent, withoutRegressor } from './fit-nets.ts';
import { chooseHint, layersOf } from './hint-layers.ts';

let images: Dataset;
beforeAll(async () => {
  images = await smallImages();
});
afterAll(() => images.close());

const options = (more: Partial<FineTuneOptions> = {}): FineTuneOptions => {
  const { model: _model, ...words } = smallOptions(images);
  return { ...words, ...more };
};

/** The logits of a model that is run alone on all images. */
async function logitsOf(model: Model, preprocessing: Preprocessing, output = 'logits'): Promise<Float32Array> {
  for await (const batch of images.batches(preprocessing, images.size)) {
    const outputs = await runModel(model, {
      input: feed('float32', batch.data, [batch.count, ...preprocessing.shape]),
    });
    return outputs[output]?.data as Float32Array;
  }
  throw new Error('no images');
}

/** Three convolutions, so that there is something behind the guided layer. */
function student(): Model {
  const b = new GraphBuilder({ seed: 5 });
  let y = b.input('input', 'float32', ['batch', 3, 8, 8]);
  for (const out of [4, 5, 6]) y = b.relu(b.batchNorm(b.conv(y, { out, kernel: 3, padding: 1, bias: false })));
  b.output('logits', b.linear(b.flatten(b.globalAveragePool(y)), { out: 10 }));
  return b.build();
}

it('knows the values that all goes through', () => {
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', ['batch', 4, 6, 6]);
  const first = b.relu(b.conv(x, { out: 4, kernel: 3, padding: 1 }));
  const inside = b.relu(b.conv(first, { out: 4, kernel: 3, padding: 1 }));
  const block = b.relu(b.add(first, b.conv(inside, { out: 4, kernel: 3, padding: 1 })));
  b.output('y', b.linear(b.flatten(b.globalAveragePool(block)), { out: 3 }));
  const found = layersOf(b.build());
  const values = found.map(({ value }) => value);
  expect(values).toContain(first);
  expect(values).toContain(block);
  expect(values).not.toContain(inside);
  // 3 convolutions of 6·6·4·4·9 MACs and a linear layer of 12.
  const conv = 6 * 6 * 4 * 4 * 9;
  expect(found.find(({ value }) => value === first)).toEqual({
    value: first,
    channels: 4,
    height: 6,
    width: 6,
    depth: conv / (3 * conv + 12),
  });
});

it('pairs values of one size near the middle, or those that are named', () => {
  const [large, small] = [teacherNetwork(), student()];
  const { hint, guided } = chooseHint(large, small);
  expect([hint.height, hint.width]).toEqual([guided.height, guided.width]);
  const activations = (model: Model) =>
    model.graph.nodes.filter(({ opType }) => opType === 'Relu').map((n) => n.outputs[0]);
  expect(activations(large)).toContain(hint.value);
  expect(activations(small)).toContain(guided.value);
  const [asked = ''] = activations(small);
  expect(chooseHint(large, small, { guided: asked }).guided.value).toBe(asked);
  expect(() => chooseHint(large, small, { hint: `${hint.value}x` })).toThrow(
    `The teacher has no value '${hint.value}x' of floats [N, C, h, w] (did you mean '${hint.value}'?)`,
  );
  expect(() => chooseHint(large, small, { guided: 'logits' })).toThrow("The student has no value 'logits' of floats");
});

it.each<[string, TeacherWords, Preprocessing]>([
  ['one size', {}, SMALL],
  ['another size', { size: 12 }, { ...SMALL, shape: [3, 12, 12] }],
])(
  'stage 1 teaches the layers up to the guided one, and nothing else: hints of %s',
  async (_, words, preprocessing) => {
    const of = smallTeacher(words, preprocessing);
    const middle = student().graph.nodes.filter(({ opType }) => opType === 'Relu')[1]?.outputs[0] ?? '';
    const pair = chooseHint(of.model, student(), { guided: middle });
    const { model, frozen } = guidedStudent(student(), pair, 3);
    const losses: number[] = [];
    const words1 = options({
      epochs: 6,
      schedule: 'constant',
      frozen,
      lesson: { kind: 'hint', teacher: of, hint: pair.hint.value },
    });
    const trained = await fineTune(model, words1, { onEpoch: ({ training }) => void losses.push(training.loss) });
    expect(losses.at(-1)).toBeLessThan((losses[0] ?? 0) * 0.8);
    const after = withoutRegressor(trained, student());
    const before = student().graph;
    expect([...after.graph.initializers.keys()].sort()).toEqual([...before.initializers.keys()].sort());
    expect(after.graph.outputs).toEqual(before.outputs);
    const changed = [...before.initializers.keys()].filter(
      (name) =>
        !Buffer.from(before.initializers.get(name)?.bytes ?? []).equals(
          Buffer.from(after.graph.initializers.get(name)?.bytes ?? []),
        ),
    );
    const below = before.nodes.slice(0, before.nodes.findIndex(({ outputs }) => outputs[0] === middle) + 1);
    const expected = below.flatMap(({ inputs }) => inputs).filter((name) => before.initializers.has(name));
    expect(changed.sort()).toEqual(expected.sort());
  },
);

it('the first loss of stage 1 is the mean squared difference', async () => {
  const of = smallTeacher();
  const pair = chooseHint(of.model, student());
  const { model, frozen } = guidedStudent(student(), pair, 3);
  // With the student's statistics frozen, train mode is as it answers.
  const all = (name: string) => frozen(name) || /running/.test(name);
  const words = options({
    epochs: 1,
    batch: 50,
    lesson: { kind: 'hint', teacher: of, hint: pair.hint.value },
    frozen: all,
  });
  let loss = Number.NaN;
  await fineTune(model, words, {
    onEpoch: ({ training }) => {
      loss = training.loss;
    },
  });
  const inner = (of: Model, name: string) => ({
    ...of,
    graph: { ...of.graph, outputs: [{ name, type: undefined }] },
  });
  const theirs = await logitsOf(inner(of.model, pair.hint.value), SMALL, pair.hint.value);
  const regressed = model.graph.outputs[1]?.name ?? '';
  const ours = await logitsOf(inner(model, regressed), SMALL, regressed);
  const expected = ours.reduce((sum, each, i) => sum + (each - (theirs[i] ?? Number.NaN)) ** 2, 0) / ours.length;
  expectClose([loss], [expected], 1e-4);
});
