import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectClose } from '../../../test/expect-close.ts';
import { randomFeeds, runModel } from '../../../test/run-onnx.ts';
import { sharedDir } from '../../../test/shared.ts';
import { Random } from '../../base/index.ts';
import { type Model, Tensor } from '../../graph/index.ts';
import { readModel } from '../../onnx/index.ts';
import { costOf, GraphBuilder } from '../../ops/index.ts';
import { type Factorization, sketchFactorized, weightLayersOf } from '../../transforms/index.ts';
import { Meter } from '../meter.ts';
import { applyFactorizations } from './apply-factorizations.ts';
import { factorizationsOf, macsOf, planFactorization } from './plan-factorization.ts';
import type { SurveyOptions } from './survey-layers.ts';

const SHAPE = [3, 12, 12] as const;

/** Time that follows from the MACs, a millisecond a million, and `overheadMs` a node. */
function clock(overheadMs = 0): SurveyOptions {
  const latenciesMs = async (models: readonly Model[]) =>
    models.map((model) => {
      const batch = model.graph.inputs[0]?.type?.dims?.[0];
      return (
        costOf(model, typeof batch === 'string' ? { symbols: { [batch]: 1 } } : {}).macs / 1e6 +
        overheadMs * model.graph.nodes.length
      );
    });
  return { meter: { latenciesMs }, shape: SHAPE };
}

/** Kernels of rank 20 among 64 channels with noise, a depthwise layer, and a classifier. */
function network(batch: number | string = 'n'): Model {
  const b = new GraphBuilder({ seed: 2 });
  let x = b.relu(b.conv(b.input('x', 'float32', [batch, ...SHAPE]), { out: 64, kernel: 3, padding: 1 }));
  for (let i = 0; i < 3; i++) x = b.relu(b.batchNorm(b.conv(x, { out: 64, kernel: 3, padding: 1 })));
  x = b.conv(x, { out: 64, kernel: 3, padding: 1, groups: 64 });
  b.output('y', b.linear(b.flatten(b.globalAveragePool(x)), { out: 10 }));
  const model = b.build();
  const initializers = new Map(model.graph.initializers);
  for (const [k, name] of ['conv2.weight', 'conv3.weight', 'conv4.weight'].entries()) {
    initializers.set(name, Tensor.float32([64, 64, 3, 3], lowRank(64, 20, 10 + k)));
  }
  return { ...model, graph: { ...model.graph, initializers } };
}

/** [n, n, 3, 3] with `rank` channels in and out, and noise. */
function lowRank(n: number, rank: number, seed: number): Float32Array {
  const random = new Random(seed);
  const normals = (length: number) => Array.from({ length }, () => random.normal());
  const [input, output, core] = [normals(rank * n), normals(n * rank), normals(rank * rank * 9)];
  const data = new Float32Array(n * n * 9);
  // First the core on all inputs, then on all outputs.
  const half = new Float64Array(rank * n * 9);
  for (let s = 0; s < rank; s++)
    for (let r = 0; r < rank; r++)
      for (let i = 0; i < n; i++)
        for (let k = 0; k < 9; k++) {
          const at = (s * n + i) * 9 + k;
          half[at] = (half[at] ?? 0) + (core[(s * rank + r) * 9 + k] ?? 0) * (input[r * n + i] ?? 0);
        }
  for (let o = 0; o < n; o++)
    for (let i = 0; i < n; i++)
      for (let k = 0; k < 9; k++) {
        let sum = 2 * random.normal();
        for (let s = 0; s < rank; s++) sum += (output[o * rank + s] ?? 0) * (half[(s * n + i) * 9 + k] ?? 0);
        data[(o * n + i) * 9 + k] = 0.002 * sum;
      }
  return data;
}

describe('planFactorization()', () => {
  it('finds the channels by EVBMF, rounds them to 16, and leaves alone what cannot be split', async () => {
    const plan = await planFactorization(network(), { by: 'evbmf' }, clock());
    const of = (name: string) => plan.find((each) => each.name === name);
    for (const name of ['/conv2/Conv', '/conv3/Conv', '/conv4/Conv']) {
      expect(of(name)?.factorization).toEqual({ kind: 'tucker2', ranks: [32, 32] });
    }
    expect(of('/conv5/Conv')).toMatchObject({ why: 'its channels are in groups' });
    expect(of('/conv5/Conv')?.factorization).toBeUndefined();
    expect(of('/fc1/Gemm')).toMatchObject({ why: 'the ranks that it needs would not make it smaller' });
  });

  it('keeps as much energy as was asked for', async () => {
    for (const keep of [0.7, 0.9]) {
      const plan = await planFactorization(network(), { by: 'energy', keep }, clock());
      const split = plan.filter(({ factorization }) => factorization !== undefined);
      expect(split.length).toBeGreaterThan(0);
      for (const { kept } of split) expect(kept).toBeGreaterThanOrEqual(keep);
    }
  });

  it('leaves a layer alone that would not be faster, and says how slow it would be', async () => {
    // A node takes as long as 20 million MACs: more than any layer has to save.
    const plan = await planFactorization(network(), { by: 'evbmf' }, clock(20));
    expect(factorizationsOf(plan).size).toBe(0);
    expect(plan[1]?.why).toMatch(/^it would not be faster: \d+\.\d+ ms by (tucker2|spatial|svd) [\d,]+$/);
  });

  it.each([0.8, 0.5, 0.3])('meets a target of %f of the MACs', async (part) => {
    const model = network();
    const total = macsOf(model, SHAPE);
    const plan = await planFactorization(model, { by: 'macs', most: part * total }, clock());
    const after = macsOf(sketchFactorized(model, factorizationsOf(plan)), SHAPE);
    expect(after).toBeLessThanOrEqual(part * total);
    expect(after).toBeGreaterThan(0.75 * part * total);
  });

  it('counts one image where the model is fixed at several', async () => {
    const policy = { by: 'macs', most: 0.5 * macsOf(network(), SHAPE) } as const;
    expect(await planFactorization(network(4), policy, clock())).toEqual(
      await planFactorization(network(), policy, clock()),
    );
  });

  it.each([['mostMs'], ['times']])(
    'meets a latency of the whole model given as %s, however its layers add up',
    async (word) => {
      const model = network();
      const options = clock(0.05);
      const [now = 0] = await options.meter.latenciesMs([model]);
      const policy = { by: 'latency', ...(word === 'times' ? { times: 2 } : { mostMs: 0.5 * now }) } as const;
      const plan = await planFactorization(model, policy, options);
      const [after = 0] = await options.meter.latenciesMs([sketchFactorized(model, factorizationsOf(plan))]);
      expect(after).toBeLessThanOrEqual(0.5 * now);
      expect(after).toBeGreaterThan(0.35 * now);
    },
  );

  it('says the best that can be reached where a target is out of reach', async () => {
    const model = network();
    await expect(planFactorization(model, { by: 'macs', most: 1e5 }, clock())).rejects.toThrow(
      /^Cannot factorize down to 0\.100 M MACs: the best that can be reached is \d\.\d{3} M, from 16\.\d M now$/,
    );
    await expect(planFactorization(model, { by: 'latency', mostMs: 0.01 }, clock())).rejects.toThrow(
      /^Cannot factorize down to 0\.010 ms: the best that can be reached is \d\.\d+ ms, from 16\.\d+ ms now$/,
    );
  });

  it('takes ranks that are given as they are, and touches nothing else', async () => {
    const ranks = new Map([['/conv2/Conv', { kind: 'spatial', ranks: [190] }]] as const);
    const plan = await planFactorization(network(), { by: 'given', ranks }, clock(1));
    expect([...factorizationsOf(plan)]).toEqual([...ranks]);
    expect(plan[1]?.why).toBe('as given, though it is slower');
    expect(plan[0]?.why).toBe('no ranks are given for it');
  });

  it('refuses a model without layers', async () => {
    const b = new GraphBuilder();
    b.output('y', b.flatten(b.globalAveragePool(b.input('x', 'float32', ['n', ...SHAPE]))));
    await expect(planFactorization(b.build(), { by: 'evbmf' }, clock())).rejects.toThrow(
      'Cannot factorize the model: it has no Conv, Gemm or MatMul whose weights are constants',
    );
  });

  it('stops on the signal', async () => {
    const options = { ...clock(), signal: AbortSignal.abort() };
    await expect(planFactorization(network(), { by: 'evbmf' }, options)).rejects.toMatchObject({ code: 'cancelled' });
  });
});

describe('in ONNX Runtime', () => {
  let meter: Meter;
  beforeAll(() => {
    meter = new Meter();
  });
  afterAll(() => meter.close());

  it('measures layers alone, each shape once', async () => {
    const asked: number[] = [];
    const counting = {
      latenciesMs: (models: readonly Model[], options: object) => {
        asked.push(models.length);
        return meter.latenciesMs(models, options);
      },
    };
    const plan = await planFactorization(network(), { by: 'evbmf' }, { meter: counting, shape: SHAPE });
    // The second to fourth layers have the same shape and the same ranks.
    expect(asked.length).toBeLessThanOrEqual(weightLayersOf(network()).length - 2);
    for (const { before } of plan) expect(before === undefined || before.ms > 0).toBe(true);
  });

  it.runIf(sharedDir !== undefined)('ResNet-20 split at full rank answers as before', async () => {
    const model = await readModel(`${sharedDir}/models/resnet20.onnx`);
    const full = weightLayersOf(model).map(
      ({ name, dims: [out, channels, height, width] }, i): [string, Factorization] => {
        if (height * width === 1) return [name, { kind: 'svd', ranks: [Math.min(out, channels)] }];
        if (i % 2 === 0) return [name, { kind: 'tucker2', ranks: [channels, Math.min(out, channels * 9)] }];
        return [name, { kind: 'spatial', ranks: [3 * Math.min(out, channels)] }];
      },
    );
    const after = await applyFactorizations(model, new Map(full));
    const feeds = randomFeeds(model, 3);
    const [expected, actual] = [await runModel(model, feeds), await runModel(after, feeds)];
    expectClose(actual.logits?.data as Float32Array, Array.from((expected.logits?.data ?? []) as Float32Array), 1e-4);
  });
});
