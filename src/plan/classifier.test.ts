import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sharedDir } from '../../test/shared.ts';
import { Engine } from '../runtime/index.ts';
import { Classifier } from './classifier.ts';

describe('Classifier.open()', () => {
  it('names a file that does not exist', async () => {
    const engine = new Engine({ workers: 1 });
    await expect(Classifier.open(engine, 'no/such.onnx')).rejects.toMatchObject({
      code: 'not-found',
      message: "Cannot open model 'no/such.onnx': there is no such file",
    });
    await engine.close();
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
