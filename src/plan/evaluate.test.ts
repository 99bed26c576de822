import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ColorImages, colorModel, nearestClass, writeColorData } from '../../test/color-world.ts';
import { sharedDir } from '../../test/shared.ts';
import { type Dataset, openData } from '../data/index.ts';
import { writeModel } from '../onnx/index.ts';
import { Engine } from '../runtime/index.ts';
import { calibrate } from './calibrate.ts';
import { evaluate, rankOf } from './evaluate.ts';
import type { Plan, PlanNode } from './plan.ts';
import { recordPair } from './record-pair.ts';
import { openServable } from './source.ts';

let folder: string;
let engine: Engine;
let data: Dataset;
let images: ColorImages;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-evaluate-'));
  images = await writeColorData(folder, 600);
  await writeModel(colorModel({ channel: 'red' }), join(folder, 'red.onnx'));
  await writeModel(colorModel({ channel: 'green', ballast: 6, ending: 'Softmax' }), join(folder, 'green.onnx'));
  engine = new Engine({ workers: 2 });
  data = await openData(folder, { split: 'test' });
});
afterAll(async () => {
  await engine.close();
  await data.close();
  await rm(folder, { recursive: true });
});

const planOf = (root: PlanNode): Plan => ({
  name: 'colors',
  input: { name: 'image', shape: [3, 32, 32], mean: [0, 0, 0], std: [1, 1, 1] },
  labels: data.classNames,
  root,
});
const leaf = (name: string): PlanNode => ({ kind: 'model', file: join(folder, name) });
/** The largest softmax probability of colorModel's logits −2000·(x − c_k)². */
const confidenceAt = (shade: number) => {
  const logits = Array.from({ length: 10 }, (_, k) => -2000 * ((shade - 12 - 25 * k) / 255) ** 2);
  return 1 / logits.reduce((sum, logit) => sum + Math.exp(logit - Math.max(...logits)), 0);
};
const accuracyOf = (shades: readonly number[]) =>
  shades.filter((shade, i) => nearestClass(shade) === images.labels[i]).length / shades.length;

describe('evaluate()', () => {
  it('measures a cascade: accuracy, shares, costs', async () => {
    const root = { kind: 'cascade', small: leaf('red.onnx'), big: leaf('green.onnx'), confidence: 0.999 } as const;
    const report = await evaluate(engine, planOf(root), data, { measureMs: 20 });
    expect(report.samples).toBe(600);
    // The big model is never wrong, and the small one hardly where it is so sure.
    expect(report.top1).toBeGreaterThan(accuracyOf(images.red));
    expect(report.top5).toBe(1);
    const [small, big] = report.nodes;
    expect([small?.path, big?.path]).toEqual(['root.cascade.small', 'root.cascade.big']);
    expect(small?.share).toBe(1);
    const unsure = images.red.filter((shade) => confidenceAt(shade) < 0.999).length;
    // Rounding in float32 may move the few shades at the very border.
    expect(Math.abs((big?.share ?? 0) * 600 - unsure)).toBeLessThanOrEqual(6);
    expect(unsure).toBeGreaterThan(60);
    // Gemm: 3·10 MACs, 40 parameters; each convolution 32·32·3·3·9 MACs, 81 parameters.
    expect(small).toMatchObject({ params: 40, macs: 30, bytes: (await stat(join(folder, 'red.onnx'))).size });
    expect(big).toMatchObject({ params: 40 + 6 * 81, macs: 30 + 6 * 82_944 });
    expect(report.params).toBe(80 + 6 * 81);
    expect(report.macs).toBe(Math.round(30 + (big?.share ?? 0) * (30 + 6 * 82_944)));
    expect(report.latencyMs.p50).toBeGreaterThan(0);
    expect(report.latencyMs.p99).toBeGreaterThanOrEqual(report.latencyMs.p50);
    expect(report.throughput).toBeGreaterThan(0);
  });

  it('measures class parallelism: the slowest part, costs of all parts', async () => {
    const part = (classes: readonly number[], name: string) => ({ classes, node: leaf(name) });
    const halves: [readonly number[], number][] = [
      [[0, 1, 2, 3, 4], 0],
      [[5, 6, 7, 8, 9], 60],
    ];
    for (const [classes, ballast] of halves) {
      const half = colorModel({ channel: 'green', part: classes, ballast });
      await writeModel(half, join(folder, `half-${classes[0]}.onnx`));
    }
    const root: PlanNode = {
      kind: 'parallel',
      other: 'subtracted',
      parts: halves.map(([classes]) => part(classes, `half-${classes[0]}.onnx`)),
    };
    const report = await evaluate(engine, planOf(root), data, { measureMs: 1 });
    expect(report.top1).toBe(1);
    const [first, second] = report.nodes;
    expect(first).toMatchObject({ path: 'root.parallel.0', share: 1, params: 6 * 4, macs: 6 * 3 });
    expect(second).toMatchObject({ path: 'root.parallel.1', share: 1, macs: 6 * 3 + 60 * 82_944 });
    expect([report.params, report.macs]).toEqual([2 * 24 + 60 * 81, 2 * 18 + 60 * 82_944]);
    const times = report.nodes.map(({ latencyMs }) => latencyMs as number);
    const slowestMs = Math.max(...times);
    const slowest = `root.parallel.${times.indexOf(slowestMs)}`;
    const combinationMs = report.parallel?.[0]?.combinationMs as number;
    expect(combinationMs).toBeGreaterThan(0);
    const criticalPathMs = slowestMs + combinationMs;
    expect(report.parallel).toMatchObject([{ path: 'root', slowest, criticalPathMs, onWorkers: [{ workers: 1 }] }]);
  });

  it('counts the MACs of one image where the model takes a fixed batch', async () => {
    await writeModel(colorModel({ channel: 'green', batch: 8 }), join(folder, 'eight.onnx'));
    expect((await evaluate(engine, planOf(leaf('eight.onnx')), data, { measureMs: 1 })).macs).toBe(30);
  });

  it('takes labels in the order of the model', async () => {
    const plan = planOf(leaf('green.onnx'));
    expect((await evaluate(engine, plan, data, { measureMs: 1 })).top1).toBe(1);
    // The model calls what the data calls airplane (class 0) truck: every answer is one that the data calls otherwise.
    const shifted = [...plan.labels.slice(1), plan.labels[0] as string];
    expect((await evaluate(engine, { ...plan, labels: shifted }, data, { measureMs: 1 })).top1).toBe(0);
  });
});

describe('recordPair() and calibrate()', () => {
  it('find a threshold at which the pair is as good as the big model', async () => {
    const { record, smallMs, bigMs } = await recordPair(
      engine,
      planOf(leaf('red.onnx')),
      planOf(leaf('green.onnx')),
      data,
    );
    expect(record.smallRight.reduce((sum, right) => sum + right, 0) / 600).toBeCloseTo(accuracyOf(images.red), 2);
    expect(record.bigRight.every((right) => right === 1)).toBe(true);
    expect(bigMs).toBeGreaterThan(smallMs);
    const { bigAccuracy, differing } = calibrate(record, { smallMs, bigMs });
    expect(bigAccuracy).toBe(1);
    expect(differing).toBe(Math.round(600 * (1 - accuracyOf(images.red))));
  });

  it('refuse models that take other images', async () => {
    const other = planOf(leaf('red.onnx'));
    const pair = recordPair(engine, { ...other, input: { ...other.input, mean: [1, 1, 1] } }, other, data);
    await expect(pair).rejects.toThrow(
      'they must have the same mean, received [1,1,1] and [0,0,0]: train one as the other, with --mean 0,0,0 --std 1,1,1 as',
    );
  });
});

describe('rankOf()', () => {
  it('counts the classes before the label, and takes NaN for wrong', () => {
    const scores = Float32Array.from([9, 1, 3, 3]);
    expect([0, 1, 2, 3].map((label) => rankOf(scores, 0, 4, label))).toEqual([0, 3, 1, 2]);
    expect(rankOf(Float32Array.from([Number.NaN, 1]), 0, 2, 0)).toBe(2);
  });
});

describe.skipIf(sharedDir === undefined)('evaluate() of resnet20 (needs ../shared)', () => {
  it("gives PyTorch's accuracy on val.tar within two images", async () => {
    const { plan } = await openServable(`${sharedDir}/models/resnet20.onnx`);
    const val = await openData(`${sharedDir}/data/cifar10-jpeg/val.tar`);
    const report = await evaluate(engine, plan, val, { measureMs: 1 });
    await val.close();
    expect(Math.abs(report.top1 - 0.8835)).toBeLessThanOrEqual(2 / 2000 + 1e-9);
    expect(report.params).toBe(269_722);
    expect(report.macs).toBeGreaterThan(40e6);
    expect(report.macs).toBeLessThan(42e6);
  });
});
