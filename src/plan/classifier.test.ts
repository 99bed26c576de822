import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { colorModel, nearestClass } from '../../test/color-world.ts';
import { expectClose } from '../../test/expect-close.ts';
import { sharedDir } from '../../test/shared.ts';
import type { Model } from '../graph/index.ts';
import { writeModel } from '../onnx/index.ts';
import { GraphBuilder } from '../ops/index.ts';
import { Engine } from '../runtime/index.ts';
import { Classifier, type ClassifierExpectation } from './classifier.ts';
import { argmax } from './confidence.ts';

const MEAN = { axes: [2, 3], keepdims: 0 };
const VALUES = [-1.5, 0.25, 3];

describe('Classifier', () => {
  let folder: string;
  let engine: Engine;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'skein-classifier-'));
    engine = new Engine({ workers: 2 });
  });
  afterAll(async () => {
    await engine.close();
    await rm(folder, { recursive: true });
  });
  const open = async (model: Model, expected?: ClassifierExpectation) => {
    const file = join(folder, 'model.onnx');
    await writeModel(model, file);
    return Classifier.open(engine, file, expected);
  };
  const shades = [12, 37, 62, 87, 112, 137, 162, 187];
  const fillShades = (target: Float32Array) => {
    for (const [row, shade] of shades.entries()) target.fill(shade / 255, row * 3072, (row + 1) * 3072);
  };
  const classesOf = (scores: Float32Array) => shades.map((_, row) => argmax(scores, row * 10, 10));

  it.each([undefined, 1, 3, 8, 20])(
    'answers 8 images in order where the export fixes the batch at %s',
    async (batch) => {
      const classifier = await open(colorModel({ channel: 'red', ...(batch !== undefined && { batch }) }));
      expect(classifier).toMatchObject({ fixedBatch: batch, inputName: 'image', outputName: 'scores', classes: 10 });
      const { scores } = await classifier.run(8, fillShades);
      expect(scores).toHaveLength(80);
      expect(classesOf(scores)).toEqual(shades.map(nearestClass));
      // A second run finds buffers that are not empty.
      expect(classesOf((await classifier.run(8, fillShades)).scores)).toEqual(shades.map(nearestClass));
      expect((await classifier.run(0, fillShades)).scores).toHaveLength(0);
    },
  );

  it('fills its batch again when a thread dies', async () => {
    const classifier = await open(colorModel({ channel: 'red' }));
    const runs = Array.from({ length: 20 }, () => classifier.run(8, fillShades));
    await engine.killWorker(0);
    for (const { scores } of await Promise.all(runs)) expect(classesOf(scores)).toEqual(shades.map(nearestClass));
  });

  it('sees from the graph whether the scores are probabilities', async () => {
    expect((await open(colorModel({ channel: 'red' }))).scale).toBe('logits');
    expect((await open(colorModel({ channel: 'red', ending: 'LogSoftmax' }))).scale).toBe('logits');
    expect((await open(colorModel({ channel: 'red', ending: 'Softmax' }))).scale).toBe('probabilities');
  });

  it.each([undefined, 2])('takes one score as that of the second of two classes, in batches of %s', async (batch) => {
    const shade = (b: GraphBuilder) => b.op('ReduceMean', [b.input('x', 'float32', [batch ?? 'n', 1, 2, 2])], MEAN);
    const fill = (target: Float32Array) => target.set(VALUES.flatMap((value) => [value, value, value, value]));
    const single = async (scores: (b: GraphBuilder) => string) => {
      const b = new GraphBuilder();
      b.output('y', scores(b));
      const classifier = await open(b.build());
      expect(classifier.classes).toBe(2);
      return { scale: classifier.scale, scores: Array.from((await classifier.run(3, fill)).scores) };
    };
    const logits = await single(shade);
    expect(logits).toEqual({ scale: 'logits', scores: VALUES.flatMap((value) => [0, value]) });
    const { scale, scores } = await single((b) => b.op('Flatten', [b.op('Sigmoid', [shade(b)])]));
    expect(scale).toBe('probabilities');
    // The softmax of [0, x] is [1 − σ(x), σ(x)].
    const sigmoid = VALUES.map((value) => 1 / (1 + Math.exp(-value)));
    expectClose(
      scores,
      sigmoid.flatMap((yes) => [1 - yes, yes]),
      1e-6,
    );
  });

  it('takes open sizes from what is expected, and classes from a run where the file does not say', async () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', ['n', 3, 'h', 'w']);
    const mean = b.op('ReduceMean', [x], { axes: [2, 3], keepdims: 0 });
    b.output('y', mean);
    const built = b.build();
    const outputs = [{ name: 'y', type: { dtype: 'float32' as const, dims: ['n', 'k'] } }];
    const model = { ...built, graph: { ...built.graph, outputs } };
    await expect(open(model)).rejects.toThrow("leaves the image's size open");
    const classifier = await open(model, { shape: [3, 4, 4] });
    expect(classifier).toMatchObject({ inputShape: [3, 4, 4], classes: 3 });
  });

  it('names a file that does not exist, and one that is no ONNX', async () => {
    await expect(Classifier.open(engine, 'no/such.onnx')).rejects.toMatchObject({
      code: 'not-found',
      message: "Cannot open model 'no/such.onnx': there is no such file",
    });
    const file = join(folder, 'text.onnx');
    await writeFile(file, 'hello');
    await expect(Classifier.open(engine, file)).rejects.toMatchObject({
      code: 'corrupt',
      message: expect.stringContaining(`Cannot open model '${file}': `),
    });
  });

  const refused = (make: (b: GraphBuilder) => void) => {
    const b = new GraphBuilder();
    make(b);
    return open(b.build()).then(
      () => 'taken',
      (error: Error) => error.message.replace(/^.*as an image classifier: /, ''),
    );
  };
  it('refuses models that are no image classifiers, saying what they are', async () => {
    expect(await refused((b) => b.output('y', b.relu(b.input('x', 'float32', ['n', 7]))))).toBe(
      "it must have one float32 input of rank 4 [batch, channels, height, width], received 'x' float32 [n,7]",
    );
    const two = await refused((b) => {
      const [p, q] = ['p', 'q'].map((name) => b.input(name, 'float32', [1, 3, 2, 2])) as [string, string];
      b.output('y', b.add(p, q));
    });
    expect(two).toContain("received 'p' float32 [1,3,2,2] and 'q' float32 [1,3,2,2]");
    expect(await refused((b) => b.output('y', b.relu(b.input('x', 'float32', [1, 3, 2, 2]))))).toBe(
      "it must have a float32 output of rank 2 [batch, classes], received 'y' float32 [1,3,2,2]",
    );
  });
});

describe.skipIf(sharedDir === undefined)('Classifier on resnet20 (needs ../shared)', () => {
  const folder = sharedDir ?? '';
  const file = `${folder}/models/resnet20.onnx`;
  let engine: Engine;
  let classifier: Classifier;
  beforeAll(async () => {
    engine = new Engine({ workers: 2 });
    classifier = await Classifier.open(engine, file);
  });
  afterAll(() => engine.close());

  it('knows its signature', () => {
    expect(classifier).toMatchObject({
      inputName: 'input',
      inputShape: [3, 32, 32],
      inputSize: 3072,
      outputName: 'logits',
      classes: 10,
      fixedBatch: undefined,
    });
  });

  it("gives PyTorch's logits, all rows at once and each alone", async () => {
    const bytes = readFileSync(`${folder}/reference/resnet20-gradients.bin`);
    const floats = new Float32Array(bytes.buffer, bytes.byteOffset, 8 * 3072 + 80);
    const images = floats.subarray(0, 8 * 3072);
    const logits = floats.subarray(8 * 3072);
    const { scores, computeMs } = await classifier.run(8, (target) => target.set(images));
    expect(scores).toHaveLength(80);
    expect(computeMs).toBeGreaterThan(0);
    scores.forEach((score, i) => {
      expect(score).toBeCloseTo(logits[i] as number, 3);
    });
    for (let row = 0; row < 8; row++) {
      const alone = await classifier.run(1, (target) => target.set(images.subarray(row * 3072, (row + 1) * 3072)));
      alone.scores.forEach((score, i) => {
        expect(score).toBeCloseTo(logits[row * 10 + i] as number, 3);
      });
    }
  });

  it('refuses an expectation that the model contradicts', async () => {
    await expect(Classifier.open(engine, file, { shape: [3, 224, 224] })).rejects.toMatchObject({
      code: 'invalid-argument',
      message: expect.stringContaining('takes images of [3,32,32], expected [3,224,224]'),
    });
  });
});
