/**
 * Five steps of a small network in train mode against PyTorch 2.15.0: Linear(4, 5, bias=False), BatchNorm1d(5), ReLU,
 * Linear(5, 3), cross-entropy; torch.optim.SGD and AdamW with weight decay in a parameter group of the two weight matrices,
 * torch.nn.utils.clip_grad_norm_.
 */
import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/expect-close.ts';
import { feed, openOnnx, runModel } from '../../test/run-onnx.ts';
import type { Model } from '../graph/index.ts';
import { serializeModel } from '../onnx/index.ts';
import { GraphBuilder } from '../ops/index.ts';
import { packed, type VectorLayout } from './parameter-layout.ts';
import {
  AVERAGED_PARAMETERS,
  AVERAGED_STATISTICS,
  buildStepModel,
  nextOf,
  PARAMETERS,
  STATISTICS,
  type StepModel,
  type StepOptions,
} from './step-model.ts';

const BATCH = 8;
const STEPS = 5;

/** sin(frequency·i + phase), the numbers that PyTorch was given, too. */
function wave(size: number, frequency: number, phase: number): Float32Array {
  return Float32Array.from({ length: size }, (_, i) => Math.sin(frequency * i + phase));
}

function network(): Model {
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', ['batch', 4]);
  const hidden = b.op('Gemm', [x, b.parameter('fc1.weight', [5, 4], wave(20, 1.3, 0.1))], { transB: 1 });
  const norm = b.op(
    'BatchNormalization',
    [
      hidden,
      b.parameter(
        'bn1.weight',
        [5],
        wave(5, 0.9, 0).map((each) => 1 + 0.5 * each),
      ),
      b.parameter('bn1.bias', [5], wave(5, 1.7, 0.3)),
      b.parameter('bn1.running_mean', [5], 0),
      b.parameter('bn1.running_var', [5], 1),
    ],
    { epsilon: 1e-5, momentum: 0.9 },
  );
  const weight = b.parameter('fc2.weight', [3, 5], wave(15, 0.7, 0.5));
  const bias = b.parameter('fc2.bias', [3], wave(3, 2.1, 0.2));
  b.output('logits', b.op('Gemm', [b.relu(norm), weight, bias], { transB: 1 }));
  return b.build();
}

interface Run {
  readonly losses: number[];
  readonly vectors: ReadonlyMap<string, Float32Array>;
  /** As they were at the start and after each step. */
  readonly history: readonly ReadonlyMap<string, Float32Array>[];
}

async function steps(step: StepModel): Promise<Run> {
  const initial: Record<string, VectorLayout> = {
    [PARAMETERS]: step.parameters,
    [AVERAGED_PARAMETERS]: step.parameters,
    [STATISTICS]: step.statistics,
    [AVERAGED_STATISTICS]: step.statistics,
  };
  const vectors = new Map(
    step.state.map(({ name, size }) => {
      const layout = initial[name];
      return [name, layout === undefined ? new Float32Array(size) : packed(network().graph, layout)];
    }),
  );
  const session = await openOnnx(serializeModel(step.model));
  const losses: number[] = [];
  const history = [new Map(vectors)];
  for (let s = 0; s < STEPS; s++) {
    const labels = BigInt64Array.from({ length: BATCH }, (_, i) => BigInt((i * i + s) % 3));
    const scalars = step.scalarsAt(s + 1, 0.1 / (s + 1));
    const outputs = await session.run({
      x: feed('float32', wave(BATCH * 4, 0.37, s), [BATCH, 4]),
      labels: feed('int64', labels, [BATCH]),
      ...Object.fromEntries(
        Object.entries(scalars).map(([name, value]) => [name, feed('float32', Float32Array.of(value), [])]),
      ),
      ...Object.fromEntries([...vectors].map(([name, value]) => [name, feed('float32', value, [value.length])])),
    });
    losses.push(Number((outputs.loss?.data as Float32Array | undefined)?.[0]));
    for (const name of vectors.keys()) vectors.set(name, outputs[nextOf(name)]?.data as Float32Array);
    history.push(new Map(vectors));
  }
  await session.release();
  return { losses, vectors, history };
}

interface Reference {
  readonly name: string;
  readonly options: Omit<StepOptions, 'loss'>;
  readonly losses: readonly number[];
  /** The first elements of each after five steps. */
  readonly values: Readonly<Record<string, readonly number[]>>;
}

const PYTORCH: readonly Reference[] = [
  {
    name: 'SGD without momentum',
    options: { optimizer: { kind: 'sgd', momentum: 0 } },
    losses: [2.5632219, 2.9537382, 1.2252016, 1.8651378, 2.1729102],
    values: {
      'fc1.weight': [0.0974709, 0.9680334, 0.3972669, -0.7955364, -0.8612041, 0.2878802, 0.983758, 0.2182392],
      'fc2.weight': [0.4361042, 0.815361, 0.9047313, 0.5064761, -0.1663945, -0.7143831, -0.8761088, -0.7395915],
      'fc2.bias': [0.1405884, 0.7836726, -0.9314886],
      'bn1.weight': [0.9577098, 1.2914236, 1.4327332, 1.199924, 0.7404746],
      'bn1.running_var': [0.8081294, 0.8242215, 0.9233027, 0.8157043, 0.8429412],
    },
  },
  {
    name: 'SGD with momentum',
    options: { optimizer: { kind: 'sgd' } },
    losses: [2.5632219, 2.9537382, 1.2354474, 1.7024084, 1.9221503],
    values: {
      'fc1.weight': [0.0945304, 0.9494442, 0.365545, -0.8360977, -0.8779371, 0.2745225, 0.9755837, 0.2163547],
      'fc2.weight': [0.3960248, 0.7055293, 0.8658146, 0.498035, -0.1706793, -0.6773163, -0.75503, -0.7058219],
      'fc2.bias': [0.087942, 0.8169664, -0.912136],
      'bn1.weight': [0.9209813, 1.1898954, 1.3799067, 1.1871622, 0.6972364],
      'bn1.running_var': [0.8005651, 0.8171298, 0.9274669, 0.8167753, 0.8387421],
    },
  },
  {
    name: "SGD with Nesterov's momentum and weight decay",
    options: { optimizer: { kind: 'sgd', momentum: 0.8, nesterov: true, weightDecay: 0.05 } },
    losses: [2.5632219, 2.8357928, 1.2279317, 1.5630696, 1.7994685],
    values: {
      'fc1.weight': [0.0864749, 0.9062186, 0.3292769, -0.8447665, -0.8651808, 0.2581015, 0.9436764, 0.2100536],
      'fc2.weight': [0.3739769, 0.6443682, 0.8264071, 0.4800629, -0.1674973, -0.6455969, -0.6827753, -0.6733083],
      'fc2.bias': [0.0672382, 0.8305612, -0.905027],
      'bn1.weight': [0.9076018, 1.1508648, 1.362385, 1.1820025, 0.6811272],
      'bn1.running_var': [0.7826653, 0.8037546, 0.9220738, 0.81098, 0.8274826],
    },
  },
  {
    name: 'AdamW',
    options: { optimizer: { kind: 'adamw' } },
    losses: [2.5632219, 2.9871359, 1.3143101, 1.3494314, 1.7530742],
    values: {
      'fc1.weight': [-0.1041594, 0.7660954, 0.2063619, -0.9762895, -0.9769649, 0.1682008, 0.859808, 0.0983287],
      'fc2.weight': [0.2985784, 0.71299, 0.7336593, 0.5247839, -0.0949863, -0.6353699, -0.7904934, -0.5628686],
      'fc2.bias': [-0.0004105, 0.8949438, -0.9823314],
      'bn1.weight': [0.9016387, 1.18287, 1.2739958, 1.2221433, 0.5648022],
      'bn1.running_var': [0.702035, 0.73904, 0.9989308, 0.8165082, 0.7584454],
    },
  },
  {
    name: 'AdamW with other constants',
    options: { optimizer: { kind: 'adamw', betas: [0.8, 0.95], epsilon: 1e-3, weightDecay: 0.3 } },
    losses: [2.5632219, 2.9222815, 1.3023348, 1.3012153, 1.7065619],
    values: {
      'fc1.weight': [-0.098502, 0.7045341, 0.1815053, -0.9238319, -0.910033, 0.161375, 0.8086425, 0.0970837],
      'fc2.weight': [0.2793711, 0.6597639, 0.6799126, 0.4833515, -0.0905546, -0.6001194, -0.734862, -0.5229066],
      'fc2.bias': [0.0014785, 0.8891726, -0.978694],
      'bn1.weight': [0.9090449, 1.1874739, 1.2768034, 1.2169019, 0.567656],
      'bn1.running_var': [0.6965269, 0.7294751, 0.9671111, 0.7944663, 0.7471961],
    },
  },
  {
    name: 'clipping',
    options: { optimizer: { kind: 'sgd' }, clipNorm: 0.3 },
    losses: [2.5632219, 3.0714822, 1.2397089, 2.0376689, 2.390769],
    values: {
      'fc1.weight': [0.0992055, 0.979012, 0.4160035, -0.7715778, -0.8436148, 0.3021862, 0.9928445, 0.2208765],
      'fc2.weight': [0.4632288, 0.8882802, 0.9308375, 0.5117652, -0.1573639, -0.7425564, -0.9567595, -0.7612156],
      'fc2.bias': [0.1794593, 0.7559081, -0.942595],
      'bn1.weight': [0.9857664, 1.3552743, 1.4678925, 1.2084262, 0.7629107],
      'bn1.running_var': [0.8195333, 0.8340573, 0.9192825, 0.8145382, 0.8487294],
    },
  },
];

/** The values of the initializers in the vectors. */
function valuesOf(step: StepModel, { vectors }: Run): Map<string, Float32Array> {
  const values = new Map<string, Float32Array>();
  for (const [layout, name] of [
    [step.parameters, PARAMETERS],
    [step.statistics, STATISTICS],
  ] as const) {
    const vector = vectors.get(name);
    for (const { name, offset, size } of layout.slots) {
      values.set(name, vector?.subarray(offset, offset + size) ?? new Float32Array());
    }
  }
  return values;
}

describe('buildStepModel() trains as PyTorch does', () => {
  it.each(PYTORCH)('$name', async ({ options, losses, values }) => {
    const step = buildStepModel(network(), { ...options, loss: 'cross-entropy' });
    const run = await steps(step);
    expectClose(run.losses, losses, 1e-5);
    const trained = valuesOf(step, run);
    for (const [name, expected] of Object.entries(values)) {
      expectClose(trained.get(name)?.subarray(0, expected.length) ?? [], expected, 2e-5, name);
    }
  });
});

describe('buildStepModel() and clipping', () => {
  it('leaves a gradient that is shorter than the norm as it is', async () => {
    const options = { loss: 'cross-entropy', optimizer: { kind: 'sgd' } } as const;
    const plain = await steps(buildStepModel(network(), options));
    const clipped = await steps(buildStepModel(network(), { ...options, clipNorm: 1e3 }));
    expectClose(clipped.vectors.get(PARAMETERS) ?? [], [...(plain.vectors.get(PARAMETERS) ?? [])], 1e-6);
  });
});

describe('buildStepModel() averages parameters and statistics', () => {
  // tf.train.ExponentialMovingAverage(decay=0.35, num_updates=n): min(0.35, (1 + n) / (10 + n)) at step n, from 1.
  const DECAYS = [2 / 11, 3 / 12, 4 / 13, 0.35, 0.35];

  it.each([
    [AVERAGED_PARAMETERS, PARAMETERS],
    [AVERAGED_STATISTICS, STATISTICS],
  ])('%s, with a decay that grows to the one that is asked for', async (averaged, of) => {
    const step = buildStepModel(network(), { loss: 'cross-entropy', optimizer: { kind: 'sgd' }, emaDecay: 0.35 });
    const { history } = await steps(step);
    // What is left of each: of the start all decays, of step n what it came in with times the decays after it.
    const shares = [1, ...DECAYS.map((decay) => 1 - decay)].map((share, n) =>
      DECAYS.slice(n).reduce((product, decay) => product * decay, share),
    );
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
    const expected = Array.from(history[0]?.get(of) ?? [], (_, i) =>
      shares.reduce((sum, share, n) => sum + share * (history[n]?.get(of)?.[i] ?? Number.NaN), 0),
    );
    expectClose(history.at(-1)?.get(averaged) ?? [], expected, 1e-6);
  });

  it('has forgotten the start after a few hundred steps, however slow the decay', () => {
    const step = buildStepModel(network(), { loss: 'cross-entropy', optimizer: { kind: 'sgd' }, emaDecay: 0.999 });
    let start = 1;
    for (let s = 1; s <= 300; s++) start *= step.scalarsAt(s, 0.1).averagingDecay ?? Number.NaN;
    // 0.999 at every step would leave 0.74 of it.
    expect(start).toBeLessThan(1e-9);
    expect(step.scalarsAt(20_000, 0.1).averagingDecay).toBe(0.999);
  });
});

describe('buildStepModel() and frozen initializers', () => {
  const frozen = (...names: string[]) =>
    buildStepModel(network(), {
      loss: 'cross-entropy',
      optimizer: { kind: 'adamw' },
      frozen: (name) => names.includes(name),
    });
  const backward = (step: StepModel) =>
    step.model.graph.nodes.filter(({ name }) => name.startsWith('grad/')).map(({ opType }) => opType);

  it('leaves them as they are, initializers that no step gives anew', () => {
    const step = frozen('fc1.weight', 'bn1.bias');
    expect(step.parameters.slots.map(({ name }) => name)).toEqual(['fc2.weight', 'bn1.weight', 'fc2.bias']);
    expect(step.model.graph.initializers.get('fc1.weight')?.float32s()).toEqual(wave(20, 1.3, 0.1));
    expect(step.model.graph.initializers.get('bn1.bias')?.float32s()).toEqual(wave(5, 1.7, 0.3));
  });

  it('computes nothing below them', () => {
    const gemms = (step: StepModel) => backward(step).filter((opType) => opType === 'Gemm').length;
    // The gradients of fc2.weight, of what comes into fc2, and of fc1.weight.
    expect(gemms(frozen())).toBe(3);
    expect(gemms(frozen('fc1.weight'))).toBe(2);
    expect(gemms(frozen('fc1.weight', 'bn1.weight', 'bn1.bias'))).toBe(1);
    expect(backward(frozen('fc1.weight', 'bn1.weight', 'bn1.bias', 'fc2.weight'))).not.toContain('Gemm');
  });

  it("normalises by frozen statistics, as PyTorch's bn1.eval() does", async () => {
    const step = buildStepModel(network(), {
      loss: 'cross-entropy',
      optimizer: { kind: 'sgd' },
      frozen: (name) => name.includes('running'),
    });
    expect(step.state.map(({ name }) => name)).toEqual([PARAMETERS, 'state.velocity']);
    const run = await steps(step);
    expectClose(run.losses, [2.1422739, 2.4412854, 1.2115463, 1.3751186, 1.6687329], 1e-5);
    expectClose(
      valuesOf(step, run).get('bn1.weight') ?? [],
      [0.9520903, 1.2142751, 1.4051224, 1.1977895, 0.6956115],
      2e-5,
    );
  });

  it('refuses to train nothing', () => {
    expect(() => frozen('fc1.weight', 'bn1.weight', 'bn1.bias', 'fc2.weight', 'fc2.bias')).toThrow(
      'Cannot train the model: all of its 5 trainable initializers are frozen',
    );
  });
});

describe('buildStepModel() and parameters that the loss does not reach', () => {
  it('leaves them out, as PyTorch skips those whose gradient is None', () => {
    const b = new GraphBuilder();
    const hidden = b.relu(b.linear(b.input('x', 'float32', ['batch', 4]), { out: 5 }));
    b.output('logits', b.linear(hidden, { out: 3 }));
    b.output('auxiliary', b.batchNorm(b.linear(hidden, { out: 3 })));
    const step = buildStepModel(b.build(), { loss: 'cross-entropy', optimizer: { kind: 'adamw' }, emaDecay: 0.9 });
    expect(step.parameters.slots.map(({ name }) => name)).toEqual(['fc1.weight', 'fc2.weight', 'fc1.bias', 'fc2.bias']);
    // Of running statistics PyTorch takes care in the forward pass.
    expect(step.statistics.slots.map(({ name }) => name)).toEqual(['bn1.running_mean', 'bn1.running_var']);
    const size = 5 * 4 + 3 * 5 + 5 + 3;
    expect(step.state.filter(({ name }) => name !== STATISTICS && name !== AVERAGED_STATISTICS)).toEqual(
      [PARAMETERS, 'state.firstMoment', 'state.secondMoment', AVERAGED_PARAMETERS].map((name) => ({ name, size })),
    );
  });
});

describe('buildStepModel() refuses', () => {
  const sgd = { kind: 'sgd' } as const;
  it.each<[string, Partial<StepOptions>, string]>([
    ['clipping to nothing', { clipNorm: 0 }, 'The norm that gradients are clipped to must be above 0, received 0'],
    ['clipping to less', { clipNorm: -1 }, 'The norm that gradients are clipped to must be above 0, received -1'],
    ['clipping to no number', { clipNorm: Number.NaN }, 'are clipped to must be above 0, received NaN'],
    ['averages that never change', { emaDecay: 1 }, 'The decay of averages must be from 0 to below 1, received 1'],
    ['averages below 0', { emaDecay: -0.1 }, 'The decay of averages must be from 0 to below 1, received -0.1'],
    ['averages of no number', { emaDecay: Number.NaN }, 'must be from 0 to below 1, received NaN'],
    ['a seed between two', { seed: 0.5 }, 'The seed must be a whole number, received 0.5'],
    [
      'an epsilon of 0',
      { optimizer: { kind: 'adamw', epsilon: 0 } },
      "optimizer's epsilon must be above 0, received 0",
    ],
    ['no epsilon', { optimizer: { kind: 'adamw', epsilon: Number.NaN } }, 'epsilon must be above 0, received NaN'],
    ['betas of 1', { optimizer: { kind: 'adamw', betas: [0.9, 1] } }, 'betas must be from 0 to below 1, received 1'],
    ['betas of no number', { optimizer: { kind: 'adamw', betas: [Number.NaN, 0.9] } }, 'to below 1, received NaN'],
    [
      'one beta',
      { optimizer: { kind: 'adamw', betas: [0.9] as unknown as [number, number] } },
      "The optimizer's betas must be two, received 1",
    ],
    ['momentum of no number', { optimizer: { ...sgd, momentum: Number.NaN } }, 'to below 1, received NaN'],
    ['weight decay below 0', { optimizer: { ...sgd, weightDecay: -1 } }, 'weight decay must be from 0'],
  ])('%s', (_, more, message) => {
    expect(() => buildStepModel(network(), { loss: 'cross-entropy', optimizer: sgd, ...more })).toThrow(message);
  });

  it('takes what is at the ends of the ranges', () => {
    const ends = { clipNorm: 1e-9, emaDecay: 0, seed: -1, optimizer: { kind: 'adamw', betas: [0, 0] } } as const;
    expect(() => buildStepModel(network(), { loss: 'cross-entropy', ...ends })).not.toThrow();
  });
});

describe('buildStepModel() and labels that do not fit', () => {
  const lossOf = async (loss: StepOptions['loss'], outputs: number, labels: readonly number[]): Promise<number> => {
    const b = new GraphBuilder();
    b.output('logits', b.linear(b.input('x', 'float32', ['batch', 4]), { out: outputs }));
    const step = buildStepModel(b.build(), { loss, optimizer: { kind: 'sgd' } });
    const floats = (values: Float32Array, dims = [values.length]) => feed('float32', values, dims);
    const results = await runModel(step.model, {
      x: floats(wave(12, 0.37, 0), [3, 4]),
      labels: feed('int64', BigInt64Array.from(labels, BigInt), [labels.length]),
      ...Object.fromEntries(
        Object.entries(step.scalarsAt(1, 0.1)).map(([name, value]) => [name, floats(Float32Array.of(value), [])]),
      ),
      ...Object.fromEntries(step.state.map(({ name, size }) => [name, floats(new Float32Array(size))])),
    });
    return Number((results.loss?.data as Float32Array | undefined)?.[0]);
  };

  it.each([
    ['cross-entropy', 5],
    ['bce', 5],
    ['mse', 5],
    ['bce', 1],
    ['mse', 1],
  ] as const)('%s of %i outputs refuses them', async (loss, outputs) => {
    const classes = Math.max(outputs, 2);
    expect(await lossOf(loss, outputs, [0, classes - 1, 1])).toBeGreaterThan(0);
    for (const wrong of [classes, -1, -classes]) {
      const message = `labels must be [batch] from 0 to ${classes - 1}`;
      await expect(lossOf(loss, outputs, [0, wrong, 1]), `${wrong}`).rejects.toThrow(message);
    }
    for (const labels of [[1], [0, 1], [0, 1, 0, 1]]) {
      await expect(lossOf(loss, outputs, labels)).rejects.toThrow('labels must be [batch] from 0');
    }
  });
});

it.each(['step', 'rate', 'labels', 'state.parameters', 'loss'])(
  "buildStepModel() refuses a model whose input is called '%s'",
  (name) => {
    const b = new GraphBuilder();
    b.output('y', b.linear(b.input(name, 'float32', ['batch', 2]), { out: 3 }));
    const optimizer = { kind: 'sgd', momentum: 0.9, nesterov: true, weightDecay: 0 } as const;
    expect(() => buildStepModel(b.build(), { loss: 'cross-entropy', optimizer })).toThrow(
      `The graph has a value '${name}' already: rename it first`,
    );
  },
);
