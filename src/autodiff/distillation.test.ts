/** Losses from a teacher against their formulas in double precision, and gradients against the closed form. */
import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/expect-close.ts';
import { feed, runModel } from '../../test/run-onnx.ts';
import { GraphBuilder } from '../ops/index.ts';
import { differentiate } from './differentiate.ts';
import { type DistillationOptions, teacherLogits, writeDistillation, writeHintLoss } from './distillation.ts';
import { GraphWriter } from './graph-writer.ts';
import { Terms } from './terms.ts';

/** Two rows of three, among them scores whose probability float32 cannot tell from 0. */
const STUDENT = [0.5, -1.2, 2, -3, 4, 0.1];
const TEACHER = [1.5, 0.3, -0.4, 120, -60, 1];
const LABELS = [2, 0];

function softmax(row: readonly number[], temperature: number): number[] {
  const exponentials = row.map((score) => Math.exp((score - Math.max(...row)) / temperature));
  const sum = exponentials.reduce((a, b) => a + b, 0);
  return exponentials.map((each) => each / sum);
}

const rows = (flat: readonly number[]) => [flat.slice(0, 3), flat.slice(3)];

/** weight · T² · KL(p_T ‖ q_T) + (1 − weight) · CE; the mean over the rows. */
function expectedLoss(temperature: number, weight: number): number {
  const each = rows(STUDENT).map((student, n) => {
    const [taught, learnt] = [softmax(rows(TEACHER)[n] ?? [], temperature), softmax(student, temperature)];
    const divergence = taught.reduce((sum, p, k) => sum + (p === 0 ? 0 : p * Math.log(p / (learnt[k] ?? 0))), 0);
    const crossEntropy = -Math.log(softmax(student, 1)[LABELS[n] as number] ?? 0);
    return weight * temperature ** 2 * divergence + (1 - weight) * crossEntropy;
  });
  return each.reduce((a, b) => a + b, 0) / each.length;
}

/** ∂/∂z: weight · T · (q_T − p_T) + (1 − weight) · (q − y), over the rows; equation 2 of the paper times T². */
function expectedGradient(temperature: number, weight: number): number[] {
  return rows(STUDENT).flatMap((student, n) => {
    const [taught, soft, plain] = [
      softmax(rows(TEACHER)[n] ?? [], temperature),
      softmax(student, temperature),
      softmax(student, 1),
    ];
    return plain.map(
      (q, k) =>
        (weight * temperature * ((soft[k] ?? 0) - (taught[k] ?? 0)) + (1 - weight) * (q - (k === LABELS[n] ? 1 : 0))) /
        2,
    );
  });
}

async function distilled(options: DistillationOptions, ending: 'logits' | 'Softmax' = 'logits') {
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', ['batch', 3]);
  const scores = b.op('Identity', [x]);
  b.output('scores', ending === 'Softmax' ? b.softmax(scores) : scores);
  const writer = new GraphWriter(b.build());
  const t = new Terms(writer, { name: 'loss', opType: 'loss', outputs: ['loss'] });
  const teacher = writer.input('teacher', 'float32', ['batch', 3]);
  const labels = writer.input('labels', 'int64', ['batch']);
  const loss = writeDistillation(t, 'scores', teacher, labels, options);
  const gradients = differentiate(writer, { seeds: new Map([[loss, t.scalar(1, loss)]]), wrt: ['x'] });
  const model = writer.build(
    new Map([
      ['loss', loss],
      ['gradient', gradients.get('x') ?? ''],
    ]),
  );
  const outputs = await runModel(model, {
    x: feed('float32', Float32Array.from(STUDENT), [2, 3]),
    teacher: feed('float32', Float32Array.from(TEACHER), [2, 3]),
    labels: feed('int64', BigInt64Array.from(LABELS, BigInt), [2]),
  });
  return { loss: outputs.loss?.data as Float32Array, gradient: outputs.gradient?.data as Float32Array };
}

describe('writeDistillation()', () => {
  it.each([
    [1, 1],
    [4, 0.9],
    [20, 0.5],
    [0.5, 0.3],
    [4, 0],
  ])('is the formula at T = %f and weight %f, and so is its gradient', async (temperature, weight) => {
    const ours = await distilled({ temperature, weight });
    expectClose(ours.loss, [expectedLoss(temperature, weight)], 1e-5);
    expectClose(ours.gradient, expectedGradient(temperature, weight), 1e-5);
  });

  it('takes a student that ends in Softmax by its logits', async () => {
    const ours = await distilled({ temperature: 4, weight: 0.9 }, 'Softmax');
    expectClose(ours.loss, [expectedLoss(4, 0.9)], 1e-5);
    expectClose(ours.gradient, expectedGradient(4, 0.9), 1e-5);
  });

  it.each([
    [{ temperature: 0, weight: 1 }, 'The temperature of distillation must be a number above 0, received 0'],
    [{ temperature: 1, weight: 1.5 }, 'The weight of distillation must be from 0 to 1, received 1.5'],
  ])('refuses %o', async (options, message) => {
    await expect(distilled(options)).rejects.toThrow(message);
  });
});

describe('teacherLogits()', () => {
  async function logitsOf(make: (b: GraphBuilder, x: string) => string) {
    const b = new GraphBuilder();
    const scores = make(b, b.input('x', 'float32', ['batch', 3]));
    b.output('scores', scores);
    const writer = new GraphWriter(b.build());
    const t = new Terms(writer, { name: 'loss', opType: 'loss', outputs: ['loss'] });
    const model = writer.build(new Map([['logits', teacherLogits(t, 'scores')]]));
    const outputs = await runModel(model, { x: feed('float32', Float32Array.from(TEACHER), [2, 3]) });
    return outputs.logits?.data as Float32Array;
  }

  it('takes what goes into a last Softmax', async () => {
    expect([...(await logitsOf((b, x) => b.softmax(b.op('Identity', [x]))))]).toEqual([...Float32Array.from(TEACHER)]);
  });

  it('takes the logarithm of other probabilities, of 0 too', async () => {
    const logits = await logitsOf((b, x) => b.flatten(b.softmax(x)));
    expect(logits.every(Number.isFinite)).toBe(true);
    const expected = softmax(TEACHER.slice(0, 3), 1).map(Math.log);
    expectClose(logits.slice(0, 3), expected, 1e-5);
  });

  it('leaves logits as they are', async () => {
    expect([...(await logitsOf((b, x) => b.op('Identity', [x])))]).toEqual([...Float32Array.from(TEACHER)]);
  });
});

it('writeHintLoss() is the mean squared difference', async () => {
  const b = new GraphBuilder();
  const [x, y] = [b.input('x', 'float32', [2, 3]), b.input('y', 'float32', [2, 3])];
  b.output('sum', b.add(x, y));
  const writer = new GraphWriter(b.build());
  const t = new Terms(writer, { name: 'loss', opType: 'loss', outputs: ['loss'] });
  const model = writer.build(new Map([['loss', writeHintLoss(t, x, y)]]));
  const { loss } = await runModel(model, {
    x: feed('float32', Float32Array.from(STUDENT), [2, 3]),
    y: feed('float32', Float32Array.from(TEACHER), [2, 3]),
  });
  const expected = STUDENT.reduce((sum, each, i) => sum + (each - (TEACHER[i] ?? 0)) ** 2, 0) / 6;
  expectClose(loss?.data as Float32Array, [expected], 1e-5);
});
