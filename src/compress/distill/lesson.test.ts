/** What a teacher's scores do in a student's training: what they say, what they cost, and whom they refuse. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectClose } from '../../../test/expect-close.ts';
import { feed, runModel } from '../../../test/run-onnx.ts';
import { SMALL, smallTeacher, type TeacherWords, teacherNetwork } from '../../../test/small-teacher.ts';
import { smallImages, smallNetwork, smallOptions } from '../../../test/small-training.ts';
import { ClassView, type Dataset, type Preprocessing } from '../../data/index.ts';
import type { Model } from '../../graph/index.ts';
import { serializeModel } from '../../onnx/index.ts';
import { GraphBuilder } from '../../ops/index.ts';
import { buildStepModel, packed, type StepOptions, Trainer, type TrainerOptions } from '../../train/index.ts';
import { recombineClasses } from '../../transforms/index.ts';
import { type FineTuneOptions, fineTune } from '../fine-tune.ts';
import { Meter } from '../meter.ts';
import { type Lesson, taught } from './lesson.ts';
import { askTeacher, variantsToAsk } from './teacher.ts';

let images: Dataset;
const meter = new Meter();
beforeAll(async () => {
  images = await smallImages();
});
afterAll(async () => {
  await meter.close();
  await images.close();
});

const lesson = (more: Partial<Extract<Lesson, { kind: 'scores' }>> = {}): Lesson => ({
  kind: 'scores',
  teacher: smallTeacher(),
  temperature: 4,
  weight: 0.9,
  ...more,
});

const options = (more: Partial<FineTuneOptions> = {}): FineTuneOptions => {
  const { model: _model, ...words } = smallOptions(images);
  return { ...words, ...more };
};

/** The loss of the first step, at weights that have not moved, and the step. */
async function firstLoss(of: Lesson, more: Partial<TrainerOptions> = {}): Promise<number> {
  const words = { ...options({ epochs: 1, batch: 50, ...more }) };
  const trainer = new Trainer({ ...words, ...(await taught(of, smallNetwork(), words)), model: smallNetwork() });
  let loss = Number.NaN;
  await trainer.open();
  await trainer.run({
    onEpoch: (report) => {
      loss = report.training.loss;
    },
  });
  await trainer.close();
  return loss;
}

function softmax(row: ArrayLike<number>, temperature: number): number[] {
  const highest = Math.max(...Array.from(row));
  const exponentials = Array.from(row, (score) => Math.exp((score - highest) / temperature));
  const sum = exponentials.reduce((a, b) => a + b, 0);
  return exponentials.map((each) => each / sum);
}

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

/** The student's logits in train mode: its only statistics are those of the batch. */
async function studentLogits(): Promise<Float32Array> {
  const step = buildStepModel(smallNetwork(), { loss: 'cross-entropy', optimizer: { kind: 'sgd' } });
  const { graph } = step.model;
  const logits = { name: 'logits', type: undefined };
  const model = { ...step.model, graph: { ...graph, outputs: [logits] } };
  for await (const batch of images.batches(SMALL, images.size)) {
    const vector = (name: string, data: Float32Array) => [name, feed('float32', data, [data.length])] as const;
    const scalars = Object.entries(step.scalarsAt(1, 0)).map(
      ([name, value]) => [name, feed('float32', Float32Array.of(value), [])] as const,
    );
    const { [logits.name]: made } = await runModel(model, {
      input: feed('float32', batch.data, [batch.count, ...SMALL.shape]),
      labels: feed('int64', BigInt64Array.from(batch.labels, BigInt), [batch.count]),
      ...Object.fromEntries([
        ...step.state.map(({ name, size }) => vector(name, new Float32Array(size))),
        vector('state.parameters', packed(smallNetwork().graph, step.parameters)),
        vector('state.statistics', packed(smallNetwork().graph, step.statistics)),
        ...scalars,
      ]),
    });
    return made?.data as Float32Array;
  }
  throw new Error('no images');
}

/** weight · T² · KL + (1 − weight) · CE in double precision, from what both networks say alone. */
async function expectedLoss(theirs: Float32Array, temperature: number, weight: number): Promise<number> {
  const ours = await studentLogits();
  let sum = 0;
  for (let i = 0; i < images.size; i++) {
    const [mine, taughtBy] = [ours.subarray(10 * i, 10 * i + 10), theirs.subarray(10 * i, 10 * i + 10)];
    const [q, p] = [softmax(mine, temperature), softmax(taughtBy, temperature)];
    const divergence = p.reduce((total, each, k) => total + each * Math.log(each / (q[k] ?? 0)), 0);
    sum += weight * temperature ** 2 * divergence - (1 - weight) * Math.log(softmax(mine, 1)[images.label(i)] ?? 0);
  }
  return sum / images.size;
}

describe('a lesson of scores', () => {
  // A crop of 0 pixels leaves nothing to vary; jitter of reach 0 neither, but it is none of the few that are counted.
  const inEveryStep = { augmentation: { jitter: { brightness: 0 } } };

  it.each([
    ['asked beforehand', {}],
    ['run in every step', inEveryStep],
  ])('is the formula of what both networks say alone: a teacher %s', async (_, more) => {
    const expected = await expectedLoss(await logitsOf(teacherNetwork(), SMALL), 4, 0.9);
    expectClose([await firstLoss(lesson(), more)], [expected], 2e-5);
  });

  it.each<[string, TeacherWords]>([
    ['that ends in Softmax', { ending: 'Softmax' }],
    ['of one image at a time', { batch: 1 }],
    ['of another operator set', { opset: 13 }],
    ['of an old operator set', { opset: 9 }],
  ])('takes a teacher %s', async (_, words) => {
    const expected = await firstLoss(lesson());
    for (const more of [{}, inEveryStep]) {
      expectClose([await firstLoss(lesson({ teacher: smallTeacher(words) }), more)], [expected], 2e-5);
    }
  });

  it.each([
    ['asked beforehand', {}],
    ['run in every step', inEveryStep],
  ])('teaches a single logit x as the scores [0, x]: a teacher %s', async (_, more) => {
    const training = new ClassView(images, [3]);
    const single = smallNetwork({ outputs: 1 });
    const pair = recombineClasses(single, [[0], [1]]);
    const of = lesson({ teacher: smallTeacher({ outputs: 2 }) });
    const lossOf = async (model: Model, loss: 'bce' | 'cross-entropy'): Promise<number> => {
      const words = options({ epochs: 1, batch: 50, ...more, training, loss });
      const trainer = new Trainer({ ...words, ...(await taught(of, model, words)), model });
      let seen = Number.NaN;
      await trainer.open();
      await trainer.run({
        onEpoch: (report) => {
          seen = report.training.loss;
        },
      });
      await trainer.close();
      return seen;
    };
    expectClose([await lossOf(single, 'bce')], [await lossOf(pair, 'cross-entropy')], 2e-5);
  });

  it('shows a teacher of other mean, spread and size its own input', async () => {
    const other: Preprocessing = { shape: [3, 8, 8], mean: [0.2, 0.3, 0.4], std: [0.5, 0.6, 0.7] };
    const expected = await expectedLoss(await logitsOf(teacherNetwork(), other), 4, 0.9);
    for (const more of [{}, inEveryStep]) {
      expectClose([await firstLoss(lesson({ teacher: smallTeacher({}, other) }), more)], [expected], 2e-5);
    }
    const large: Preprocessing = { ...SMALL, shape: [3, 16, 16] };
    expect(await firstLoss(lesson({ teacher: smallTeacher({ size: 16 }, large) }), inEveryStep)).toBeGreaterThan(0);
  });

  it('is told the mirrored images of what is mirrored', async () => {
    const expected = await firstLoss(lesson(), { augmentation: { flip: true, jitter: { brightness: 0 } } });
    // Two epochs, since for one it would not pay to ask about both variants.
    const seen: number[] = [];
    const flips = options({ augmentation: { flip: true }, batch: 50, epochs: 2, schedule: 'constant', rate: 1e-9 });
    await fineTune(
      smallNetwork(),
      { ...flips, lesson: lesson() },
      { onEpoch: ({ training }) => void seen.push(training.loss) },
    );
    expectClose(seen.slice(0, 1), [expected], 2e-5);
  });

  it('is asked beforehand where that is less work and fits into memory', () => {
    const ten = { classNames: Array<string>(10).fill(''), size: 50_000 };
    const flip = { flip: true };
    expect(variantsToAsk(ten, { epochs: 1 })).toBe(1);
    expect(variantsToAsk(ten, { epochs: 2, augmentation: flip })).toBe(2);
    expect(variantsToAsk(ten, { epochs: 1, augmentation: flip })).toBeUndefined();
    expect(variantsToAsk(ten, { epochs: 90, augmentation: { ...flip, crop: 4 } })).toBeUndefined();
    // 1,281,167 images of ImageNet and their 1,000 classes: 5 GB.
    const imageNet = { classNames: Array<string>(1000).fill(''), size: 1_281_167 };
    expect(variantsToAsk(imageNet, { epochs: 90 })).toBeUndefined();
  });

  it('is of both variants as the teacher sees them', async () => {
    const asked = await askTeacher(meter, smallTeacher(), images, { variants: 2, batch: 7 });
    const plain = await logitsOf(teacherNetwork(), SMALL);
    expectClose(asked.subarray(0, 10), [...plain.subarray(0, 10)], 1e-5);
    const first = (await images.batches(SMALL, 1)[Symbol.asyncIterator]().next()).value as { data: Float32Array };
    const mirrored = first.data.map((_, i, all) => all[i - (i % 8) + 7 - (i % 8)] ?? 0);
    const outputs = await runModel(teacherNetwork(), { input: feed('float32', mirrored, [1, 3, 8, 8]) });
    expectClose(asked.subarray(10, 20), Array.from(outputs.logits?.data as Float32Array), 1e-5);
  });

  it('costs no backward pass and no parameter of the teacher', async () => {
    const base: StepOptions = { loss: 'cross-entropy', optimizer: { kind: 'sgd' } };
    const words = options(inEveryStep);
    const plain = buildStepModel(smallNetwork(), base);
    const step = buildStepModel(smallNetwork(), { ...base, ...(await taught(lesson(), smallNetwork(), words)) });
    expect(step.parameters).toEqual(plain.parameters);
    const convolutions = (model: Model) => model.graph.nodes.filter(({ opType }) => opType.startsWith('Conv')).length;
    // The teacher's two, with its batch normalisation in them.
    expect(convolutions(step.model) - convolutions(plain.model)).toBe(2);
    const behind = step.model.graph.nodes.filter(({ name }) => name.startsWith('grad/teacher'));
    expect(behind).toEqual([]);
    const theirs = step.model.graph.nodes.filter(({ name }) => name.startsWith('teacher/'));
    expect(theirs.map(({ opType }) => opType)).not.toContain('BatchNormalization');
  });

  it.each([
    ['asked beforehand', {}],
    ['run in every step', inEveryStep],
  ])('goes on where it was stopped, to the same bits: a teacher %s', async (_, more) => {
    const folder = await mkdtemp(join(tmpdir(), 'skein-distill-'));
    const words = options({ ...more, lesson: lesson() });
    const bytes = (model: Model) => Buffer.from(serializeModel(model)).toString('base64');
    const unbroken = await fineTune(smallNetwork(), words);
    const checkpoint = join(folder, 'half');
    const stop = new AbortController();
    const broken = fineTune(smallNetwork(), words, {
      checkpoint,
      signal: stop.signal,
      onStep: ({ step }) => void (step === 7 && stop.abort()),
    });
    await expect(broken).rejects.toMatchObject({ code: 'cancelled' });
    const hotter = options({ ...more, lesson: lesson({ temperature: 5 }) });
    await expect(fineTune(smallNetwork(), hotter, { checkpoint })).rejects.toThrow('The checkpoint is of a run with');
    const starts: number[] = [];
    const onStart = ({ step }: { step: number }) => void starts.push(step);
    expect(bytes(await fineTune(smallNetwork(), words, { checkpoint, onStart }))).toBe(bytes(unbroken));
    expect(starts[0]).toBeGreaterThanOrEqual(7);
    await rm(folder, { recursive: true });
  });

  it.each<[string, Partial<FineTuneOptions>, string]>([
    [
      'a teacher of other classes',
      { lesson: lesson({ teacher: smallTeacher({ outputs: 7 }) }) },
      'must score 10 classes',
    ],
    [
      'a loss of the caller beside it',
      { lesson: lesson(), writeLoss: () => 'loss' },
      'give either a lesson or writeLoss',
    ],
    ['another loss', { loss: 'mse', lesson: lesson() }, 'cross-entropy, or to bce of a single score, received mse'],
  ])('refuses %s', async (_, more, message) => {
    await expect(fineTune(smallNetwork(), options(more))).rejects.toThrow(message);
  });

  it('refuses a teacher that takes no images, or grey ones', async () => {
    const b = new GraphBuilder();
    b.output('y', b.linear(b.input('x', 'float32', ['batch', 4]), { out: 10 }));
    const flat = lesson({ teacher: { model: b.build(), preprocessing: SMALL } });
    await expect(fineTune(smallNetwork(), options({ lesson: flat }))).rejects.toThrow(
      "The teacher's input 'x' must be [batch, channels, height, width]",
    );
    const grey = { shape: [1, 8, 8], mean: [0], std: [1] } as const;
    const words = options({ ...inEveryStep, lesson: lesson({ teacher: smallTeacher({}, grey) }) });
    await expect(fineTune(smallNetwork(), words)).rejects.toThrow(
      'as many channels as the student: expected 3, received 1',
    );
  });
});
