/** Stands in for ../shared: ResNets with random weights, drawn images as JPEG files, and a cascade that sends 15 % on. */
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { quantile } from '../../src/base/index.ts';
import { openData, type Preprocessing } from '../../src/data/index.ts';
import type { Model } from '../../src/graph/index.ts';
import { writeModel } from '../../src/onnx/index.ts';
import { GraphBuilder } from '../../src/ops/index.ts';
import { Classifier, confidenceOf, writePlan } from '../../src/plan/index.ts';
import { Engine } from '../../src/runtime/index.ts';
import type { Material } from './material.ts';

const IMAGES = 512;
const SENT_ON = 0.15;
/** What a bare model file is served with where nothing says otherwise. */
const PREPROCESSING: Preprocessing = { shape: [3, 32, 32], mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

export async function drawMaterial(folder: string): Promise<Material> {
  const small = join(folder, 'resnet20.onnx');
  const big = join(folder, 'resnet56.onnx');
  await writeModel(cifarResNet(3), small);
  await writeModel(cifarResNet(9), big);
  const data = join(folder, 'images');
  const { classes, confidence } = await drawImages(data, small);
  return {
    small,
    big,
    preprocessing: PREPROCESSING,
    classes,
    data,
    images: IMAGES,
    note: 'without ../shared: random weights and drawn images, so that accuracies mean nothing and the cascade sends 15 % on by construction',
    pair: async () => {
      const cascade = join(folder, 'cascade');
      await mkdir(cascade);
      const copies = { small: join(cascade, 'resnet20.onnx'), big: join(cascade, 'resnet56.onnx') };
      await copyFile(small, copies.small);
      await copyFile(big, copies.big);
      return writePlan(
        {
          name: 'cascade',
          input: { name: 'input', ...PREPROCESSING },
          labels: classes,
          root: {
            kind: 'cascade',
            small: { kind: 'model', file: copies.small },
            big: { kind: 'model', file: copies.big },
            confidence,
          },
        },
        cascade,
      );
    },
  };
}

/** ResNet for CIFAR of depth 6n + 2 with 1×1 convolutions where the shape changes (He et al. 2016, section 4.2). */
function cifarResNet(blocksPerStage: number): Model {
  const b = new GraphBuilder({ seed: blocksPerStage });
  const convolution = (x: string, out: number, kernel: number, stride: number, epsilon?: number) =>
    b.batchNorm(
      b.conv(x, { out, kernel, stride, padding: (kernel - 1) / 2, bias: false }),
      epsilon === undefined ? {} : { epsilon },
    );
  let x = b.relu(convolution(b.input('input', 'float32', ['batch', 3, 32, 32]), 16, 3, 1));
  for (const [stage, out] of [16, 32, 64].entries()) {
    for (let block = 0; block < blocksPerStage; block++) {
      const stride = stage > 0 && block === 0 ? 2 : 1;
      const shortcut = stride === 1 ? x : convolution(x, out, 1, stride);
      // 1 / sqrt(1 + 24) = 0.2: without training, each block would double the variance and saturate the softmax.
      const branch = convolution(b.relu(convolution(x, out, 3, stride)), out, 3, 1, 24);
      x = b.relu(b.add(branch, shortcut));
    }
  }
  b.output('logits', b.linear(b.flatten(b.globalAveragePool(x)), { out: 10 }));
  return b.build();
}

/** Writes `class/NNNN.jpg`; the confidence is that below which the small model leaves {@link SENT_ON} of them. */
async function drawImages(folder: string, small: string): Promise<{ classes: readonly string[]; confidence: number }> {
  const shapes = await openData('shapes', { split: 'test', limit: IMAGES });
  const [, height, width] = PREPROCESSING.shape;
  const plane = height * width;
  for (const name of shapes.classNames) await mkdir(join(folder, name), { recursive: true });
  for await (const batch of shapes.batches({ shape: PREPROCESSING.shape, mean: [0, 0, 0], std: [1, 1, 1] }, 64)) {
    for (let row = 0; row < batch.count; row++) {
      const planes = batch.data.subarray(row * 3 * plane, (row + 1) * 3 * plane);
      const pixels = Uint8Array.from({ length: 3 * plane }, (_, i) =>
        Math.round((planes[(i % 3) * plane + Math.floor(i / 3)] as number) * 255),
      );
      const file = await sharp(pixels, { raw: { width, height, channels: 3 } })
        .jpeg({ quality: 90 })
        .toBuffer();
      const name = shapes.classNames[batch.labels[row] as number] as string;
      await writeFile(join(folder, name, `${String(batch.indices[row]).padStart(4, '0')}.jpg`), file);
    }
  }
  const confidences: number[] = [];
  const engine = new Engine();
  try {
    const classifier = await Classifier.open(engine, small);
    for await (const batch of shapes.batches(PREPROCESSING, 64)) {
      const { scores } = await classifier.run(batch.count, (target) => target.set(batch.data));
      for (let row = 0; row < batch.count; row++) {
        confidences.push(confidenceOf(scores, row * classifier.classes, classifier.classes, 'logits'));
      }
    }
  } finally {
    await engine.close();
    await shapes.close();
  }
  return { classes: shapes.classNames, confidence: quantile(confidences, SENT_ON) };
}
