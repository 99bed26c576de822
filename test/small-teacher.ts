/** A network that the small one of test/small-training.ts can learn from. */
import type { Teacher } from '../src/compress/index.ts';
import type { Preprocessing } from '../src/data/index.ts';
import type { Model } from '../src/graph/index.ts';
import { GraphBuilder } from '../src/ops/index.ts';
import { inOldWords } from './old-models.ts';
import { smallOptions } from './small-training.ts';

export const SMALL: Preprocessing = smallOptions(undefined as never).preprocessing;

export interface TeacherWords {
  readonly size?: number;
  readonly outputs?: number;
  readonly ending?: 'Softmax';
  readonly batch?: number;
  readonly opset?: number;
}

/** Two convolutions with batch normalisation of statistics of its own; names are those of the student, too. */
export function teacherNetwork({ size = 8, outputs = 10, ending, batch, opset = 17 }: TeacherWords = {}): Model {
  const b = new GraphBuilder({ seed: 11, opset: Math.max(opset, 13) });
  let y = b.input('input', 'float32', [batch ?? 'batch', 3, size, size]);
  for (const out of [8, 12]) {
    y = b.conv(y, { out, kernel: 3, padding: 1, bias: false });
    const parameter = (name: string, fill: number) =>
      b.parameter(
        `${name}${out}`,
        [out],
        Float32Array.from({ length: out }, (_, c) => fill + 0.1 * Math.sin(c)),
      );
    const names = [parameter('scale', 1), parameter('shift', 0), parameter('mean', 0.1), parameter('variance', 0.8)];
    y = b.relu(b.op('BatchNormalization', [y, ...names]));
  }
  const scores = b.linear(b.flatten(b.globalAveragePool(y)), { out: outputs });
  b.output('logits', ending === undefined ? scores : b.softmax(scores));
  return opset < 13 ? inOldWords(b.build(), opset) : b.build();
}

export const smallTeacher = (words: TeacherWords = {}, preprocessing: Preprocessing = SMALL): Teacher => ({
  model: teacherNetwork(words),
  preprocessing,
});
