/** A step of plain gradient descent goes by the gradient of gradientModel(): both take a model to mean the same. */
import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/expect-close.ts';
import { feed, type Output, runModel } from '../../test/run-onnx.ts';
import { gradientModel, gradientOutput, type Loss } from '../autodiff/index.ts';
import type { Model } from '../graph/index.ts';
import { GraphBuilder } from '../ops/index.ts';
import { packed } from './parameter-layout.ts';
import { buildStepModel, nextOf, PARAMETERS } from './step-model.ts';

const ROWS = 5;
const RATE = 0.25;
/**
 * Logits large enough for probabilities that are 1 in float32, where the logarithm of what is left is infinite; small ones
 * for mse, whose gradient would be 0 there.
 */
const imagesFor = (loss: Loss) =>
  Float32Array.from({ length: ROWS * 4 }, (_, i) => (loss === 'mse' ? 1 : 25) * Math.sin(1.7 * i));
const valuesOf = (output: Output | undefined) => [...((output?.data as Float32Array | undefined) ?? [])];
const NUMBERS = [1, 0, 1, 0, 0];

function network(outputs: number, last?: string): Model {
  const b = new GraphBuilder({ seed: 3 });
  const y = b.linear(b.input('x', 'float32', ['batch', 4]), { out: outputs });
  b.output('y', last === undefined ? y : b.op(last, [y]));
  return b.build();
}

const floats = (values: Float32Array, dims: readonly number[] = [values.length]) => feed('float32', values, dims);

async function differentiated(model: Model, loss: Loss, outputs: number) {
  const hot = NUMBERS.flatMap((label) =>
    Array.from({ length: outputs }, (_, k) => (outputs === 1 ? label : Number(k === label))),
  );
  const labels =
    loss === 'cross-entropy'
      ? feed('int64', BigInt64Array.from(NUMBERS, BigInt), [ROWS])
      : floats(Float32Array.from(hot), [ROWS, outputs]);
  const made = await runModel(gradientModel(model, { loss, mode: 'train' }), {
    x: floats(imagesFor(loss), [ROWS, 4]),
    labels,
  });
  return (name: string) => valuesOf(made[name]);
}

async function stepped(model: Model, loss: Loss) {
  const step = buildStepModel(model, { loss, optimizer: { kind: 'sgd', momentum: 0, weightDecay: 0 } });
  const before = packed(model.graph, step.parameters);
  const state = step.state.map(
    ({ name, size }) => [name, name === PARAMETERS ? before : new Float32Array(size)] as const,
  );
  const made = await runModel(step.model, {
    x: floats(imagesFor(loss), [ROWS, 4]),
    labels: feed('int64', BigInt64Array.from(NUMBERS, BigInt), [ROWS]),
    ...Object.fromEntries(
      Object.entries(step.scalarsAt(1, RATE)).map(([name, value]) => [name, floats(Float32Array.of(value), [])]),
    ),
    ...Object.fromEntries(state.map(([name, values]) => [name, floats(values)])),
  });
  const after = Float32Array.from(valuesOf(made[nextOf(PARAMETERS)]));
  const gradient = after.map((value, i) => ((before[i] as number) - value) / RATE);
  return {
    loss: valuesOf(made.loss),
    correct: valuesOf(made.correct),
    gradient: (name: string) => {
      const slot = step.parameters.slots.find((each) => each.name === name);
      return [...gradient.subarray(slot?.offset, (slot?.offset ?? 0) + (slot?.size ?? 0))];
    },
  };
}

describe('a step and gradientModel()', () => {
  it.each<[Loss, number, string | undefined]>([
    ['cross-entropy', 3, undefined],
    ['cross-entropy', 3, 'Softmax'],
    ['bce', 3, undefined],
    ['bce', 3, 'Sigmoid'],
    ['bce', 1, undefined],
    ['bce', 1, 'Sigmoid'],
    ['mse', 3, 'Sigmoid'],
    ['mse', 1, undefined],
  ])('take %s of %i outputs behind %s alike', async (loss, outputs, last) => {
    const model = network(outputs, last);
    const of = await differentiated(model, loss, outputs);
    const step = await stepped(model, loss);
    expect(step.loss.every(Number.isFinite)).toBe(true);
    expectClose(step.loss, of('loss'), 1e-5);
    const scale = Math.max(...of(gradientOutput('fc1.weight')).map(Math.abs));
    for (const name of ['fc1.weight', 'fc1.bias']) {
      expectClose(
        step.gradient(name).map((value) => value / scale),
        of(gradientOutput(name)).map((value) => value / scale),
        1e-5,
        name,
      );
    }
    const rows = of('y');
    const threshold = last === 'Sigmoid' ? 0.5 : 0;
    const answers = NUMBERS.map((_, i) => {
      const scores = rows.slice(i * outputs, (i + 1) * outputs);
      return outputs === 1 ? Number((scores[0] as number) > threshold) : scores.indexOf(Math.max(...scores));
    });
    expect(step.correct).toEqual([NUMBERS.filter((label, i) => label === answers[i]).length]);
  });

  it.each([
    ['cross-entropy', 'Softmax'],
    ['bce', 'Sigmoid'],
  ] as const)('%s means the same with %s at the end and without', async (loss, last) => {
    const [plain, behind] = [await stepped(network(3), loss), await stepped(network(3, last), loss)];
    expect(behind.loss).toEqual(plain.loss);
    expect(behind.gradient('fc1.weight')).toEqual(plain.gradient('fc1.weight'));
  });
});
