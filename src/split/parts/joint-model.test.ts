import { describe, expect, it } from 'vitest';
import { expectClose } from '../../../test/expect-close.ts';
import { randomFeeds, runModel } from '../../../test/run-onnx.ts';
import { smallImages, smallOptions } from '../../../test/small-training.ts';
import { Random } from '../../base/index.ts';
import { fineTune } from '../../compress/index.ts';
import type { Model } from '../../graph/index.ts';
import { GraphBuilder } from '../../ops/index.ts';
import { combinedScores } from '../combine/choose-combination.ts';
import { mergedModel, type PartToMerge } from '../merge/merged-model.ts';
import { commonOffset, jointModel, withLogOdds } from './joint-model.ts';

const IMAGES = 3;

function network(seed: number, scores: number): Model {
  const b = new GraphBuilder({ seed });
  const x = b.input('input', 'float32', ['batch', 3, 8, 8]);
  const y = b.relu(b.batchNorm(b.conv(x, { out: 6, kernel: 3, padding: 1, bias: false })));
  b.output('logits', b.linear(b.flatten(b.averagePool(y, { kernel: 4, stride: 4 })), { out: scores }));
  return b.build();
}

/** Of ten classes; the first two begin with the same weights. */
const parts: PartToMerge[] = [
  { model: network(1, 1), classes: [7], scale: [2], bias: [-1] },
  { model: network(1, 1), classes: [2], scale: [1], bias: [0.5] },
  { model: network(2, 5), classes: [0, 3, 5, 9], scale: [1, 2, 0.5, 1], bias: [0, 1, -1, 0] },
  { model: network(3, 5), classes: [1, 4, 6, 8] },
];

async function rowsOf(model: Model): Promise<number[][]> {
  const [scores] = Object.values(await runModel(model, randomFeeds(model, 7, IMAGES)));
  const { data, dims } = scores as unknown as { data: Float32Array; dims: readonly number[] };
  const width = dims[1] as number;
  return Array.from({ length: IMAGES }, (_, i) => [...data.subarray(i * width, (i + 1) * width)]);
}

/** Deep, as bytes. */
const weightsOf = ({ graph }: Model) => [...graph.initializers].map(([name, { bytes }]) => [name, [...bytes]]);

describe('jointModel()', () => {
  it('says what the parts as one model say', async () => {
    const plain = parts.map(({ model, classes }) => ({ model, classes }));
    const expected = await rowsOf(mergedModel('side-by-side', plain, 'subtracted'));
    for (const [i, row] of (await rowsOf(jointModel(parts).model)).entries()) expectClose(row, expected[i] ?? [], 1e-5);
  });

  it('gives the parts back as they were', () => {
    const { model, partsOf } = jointModel(parts);
    expect(partsOf(model).map(weightsOf)).toEqual(parts.map((part) => weightsOf(part.model)));
  });

  it('leaves what it learned in the parts, each with weights and statistics of its own', async () => {
    const training = await smallImages();
    const { model, frozen, partsOf } = jointModel(parts);
    const { model: _, ...options } = smallOptions(training);
    const trained = await fineTune(model, { ...options, frozen });
    const apart = partsOf(trained).map((each, i) => ({ classes: parts[i]?.classes ?? [], model: each }));
    const joined = await rowsOf(mergedModel('side-by-side', apart, 'subtracted'));
    for (const [i, row] of (await rowsOf(trained)).entries()) expectClose(row, joined[i] ?? [], 1e-4);
    const [first, second] = apart.map((part) => weightsOf(part.model));
    for (const [i, [name, bytes]] of (first ?? []).entries()) {
      expect(bytes, `${name} of two parts`).not.toEqual(second?.[i]?.[1]);
      expect(bytes, `${name} as before`).not.toEqual(weightsOf(network(1, 1))[i]?.[1]);
    }
    await training.close();
  });
});

describe('commonOffset()', () => {
  /** Log odds of three classes: those of its class are by 2 higher than those of others, around `around`. */
  const drawn = (around: number) => {
    const random = new Random(4);
    const labels = Int32Array.from({ length: 300 }, (_, i) => (i < 200 ? 0 : i < 280 ? 1 : 2));
    const scores = Float64Array.from({ length: 900 }, (_, i) => {
      const isOwn = labels[Math.floor(i / 3)] === i % 3;
      return around + (isOwn ? 1 : -1) + 0.1 * random.normal();
    });
    return { scores, labels, classes: 3 };
  };

  it.each([0, 2.5, -40, 300])('brings log odds around %d back to 0', (around) => {
    expect(commonOffset(drawn(around))).toBeCloseTo(-around, 1);
  });

  it('is where the mean of σ over images of the class and others is one half', () => {
    // The derivative of −log σ(z) is σ(z) − 1, that of −log σ(−z) is σ(z): with both sides weighing 1/2 their sum is 0 there.
    const labelled = drawn(1.3);
    const offset = commonOffset(labelled);
    let [own, others] = [0, 0];
    const counts = [200, 80, 20];
    for (const [i, score] of labelled.scores.entries()) {
      const label = labelled.labels[Math.floor(i / 3)];
      const sigma = 1 / (1 + Math.exp(-(score + offset)));
      const count = counts[i % 3] as number;
      if (label === i % 3) own += sigma / count / 3;
      else others += sigma / (300 - count) / 3;
    }
    expect((own + others) / 2).toBeCloseTo(0.5, 6);
  });
});

it.each([
  ['a single logit', 0],
  ['a group', 2],
])('withLogOdds() says what a calibration says: %s', async (_, i) => {
  const { model, classes, scale = [], bias = [] } = parts[i] as PartToMerge;
  const logOdds = async (part: Model) => {
    const logits = (await rowsOf(part)).flatMap((row) => (row.length === 1 ? [0, ...row] : row));
    const own = { classes: [...classes.keys()], logits: Float64Array.from(logits) };
    return combinedScores([own], new Int32Array(IMAGES), 'subtracted').scores;
  };
  const expected = (await logOdds(model)).map((score, j) => {
    const c = j % classes.length;
    return (scale[c] as number) * score + (bias[c] as number);
  });
  expectClose(await logOdds(withLogOdds(model, scale, bias)), [...expected], 1e-5);
});
