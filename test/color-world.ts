/**
 * Data whose classes are shades, and classifiers that read them, so that tests know every answer beforehand. Class k has
 * red near 25·k + 12 with noise up to ±20, which overlaps its neighbours, and green near it up to ±8, which does not.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Random } from '../src/base/index.ts';
import type { Model } from '../src/graph/index.ts';
import { GraphBuilder } from '../src/ops/index.ts';

export const CLASSES = 10;

export interface ColorImages {
  /** Of each image, 0 to 255. */
  readonly red: readonly number[];
  readonly green: readonly number[];
  readonly labels: readonly number[];
}

/** Writes a folder in CIFAR-10's binary format whose test split holds `count` images. */
export async function writeColorData(folder: string, count: number, seed = 1): Promise<ColorImages> {
  const random = new Random(seed);
  const [red, green, labels]: [number[], number[], number[]] = [[], [], []];
  const records: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const label = i % CLASSES;
    const center = 25 * label + 12;
    labels.push(label);
    red.push(Math.min(255, Math.max(0, center + random.integer(41) - 20)));
    green.push(center + random.integer(17) - 8);
    const record = new Uint8Array(3073);
    record[0] = label;
    record.fill(red[i] as number, 1, 1025);
    record.fill(green[i] as number, 1025, 2049);
    records.push(record);
  }
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'test_batch.bin'), Buffer.concat(records));
  return { red, green, labels };
}

/** The class whose centre is nearest to a shade: what `colorModel` answers. */
export function nearestClass(shade: number): number {
  return Math.min(CLASSES - 1, Math.max(0, Math.round((shade - 12) / 25)));
}

export interface ColorModelOptions {
  readonly channel: 'red' | 'green';
  /** How sure it is: the distance of the logits of neighbours. */
  readonly gain?: number;
  /** Convolutions that change nothing but the time. */
  readonly ballast?: number;
  /** A fixed batch size; any unless told. */
  readonly batch?: number;
  /** Ends in this operator. */
  readonly ending?: 'Softmax' | 'LogSoftmax';
  /** Scores "other", which is 0, and these classes; where it is one class, that alone. All ten and no "other" unless told. */
  readonly part?: readonly number[];
}

/** Takes images as RGB / 255 (mean 0, std 1). Its logit of class k is −gain·(x − c_k)² up to what all classes share. */
export function colorModel(options: ColorModelOptions): Model {
  const { channel, gain = 2000, ballast = 0, batch, ending, part } = options;
  const b = new GraphBuilder({ opset: 17, seed: 1 });
  let x = b.input('image', 'float32', [batch ?? 'batch', 3, 32, 32]);
  for (let i = 0; i < ballast; i++) x = b.relu(identityConv(b, x, i));
  const mean = b.flatten(b.globalAveragePool(x));
  const classes = part ?? Array.from({ length: CLASSES }, (_, k) => k);
  const rows = classes.map((k) => {
    const center = (25 * k + 12) / 255;
    const slope = 2 * gain * center;
    return { weight: channel === 'red' ? [slope, 0, 0] : [0, slope, 0], bias: -gain * center * center };
  });
  if (part !== undefined && part.length > 1) rows.unshift({ weight: [0, 0, 0], bias: 0 });
  const weight = b.parameter(
    'weight',
    [rows.length, 3],
    rows.flatMap((row) => row.weight),
  );
  const bias = b.parameter(
    'bias',
    [rows.length],
    rows.map((row) => row.bias),
  );
  let scores = b.op('Gemm', [mean, weight, bias], { transB: 1 });
  if (ending !== undefined) scores = b.op(ending, [scores], { axis: -1 });
  b.output('scores', scores);
  return b.build();
}

/** A 3×3 convolution that copies each channel. */
function identityConv(b: GraphBuilder, x: string, i: number): string {
  const kernel = new Float32Array(3 * 3 * 9);
  for (let channel = 0; channel < 3; channel++) kernel[channel * 27 + channel * 9 + 4] = 1;
  const weight = b.parameter(`identity${i}`, [3, 3, 3, 3], kernel);
  return b.op('Conv', [x, weight], { pads: [1, 1, 1, 1] });
}
