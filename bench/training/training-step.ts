/** A step of ResNet-20 with fresh weights, and what goes into it: one batch of noise, made once. */
import { Random } from '../../src/base/index.ts';
import type { NamedTensors, TensorData } from '../../src/runtime/index.ts';
import { buildStepModel, PARAMETERS, packed, RATE_INPUT, STATISTICS, type StepModel } from '../../src/train/index.ts';
import { buildArchitecture } from '../../src/zoo/index.ts';

const CLASSES = 10;
const SHAPE = [3, 32, 32];
const RATE = 0.01;

export interface PreparedStep {
  readonly step: StepModel;
  /** What the state begins with. */
  readonly state: NamedTensors;
  /** Images, labels and rate. The buffers of the first two may move, and then are others at each call. */
  feeds(images?: Float32Array, labels?: BigInt64Array): NamedTensors;
}

export function prepareStep(batch: number): PreparedStep {
  const model = buildArchitecture('resnet20', { classes: CLASSES, inputShape: SHAPE });
  const step = buildStepModel(model, {
    loss: 'cross-entropy',
    optimizer: { kind: 'sgd', momentum: 0.9, nesterov: true, weightDecay: 5e-4 },
  });
  const begin: Readonly<Record<string, Float32Array>> = {
    [PARAMETERS]: packed(model.graph, step.parameters),
    [STATISTICS]: packed(model.graph, step.statistics),
  };
  const random = new Random(1);
  const size = batch * SHAPE.reduce((product, dim) => product * dim, 1);
  const noise = Float32Array.from({ length: size }, () => random.normal());
  const numbers = BigInt64Array.from({ length: batch }, (_, i) => BigInt(i % CLASSES));
  const vector = (data: Float32Array): TensorData => ({ dtype: 'float32', dims: [data.length], data });
  return {
    step,
    state: Object.fromEntries(
      step.state.map(({ name, size: length }) => [name, vector(begin[name] ?? new Float32Array(length))]),
    ),
    feeds: (images = noise.slice(), labels = numbers.slice()) => ({
      input: { dtype: 'float32', dims: [batch, ...SHAPE], data: images },
      labels: { dtype: 'int64', dims: [batch], data: labels },
      [RATE_INPUT]: { dtype: 'float32', dims: [], data: Float32Array.of(RATE) },
    }),
  };
}
