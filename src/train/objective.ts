/** What a step makes smaller and what one wants to know of it: the loss of a classifier's scores, and how many are right. */
import {
  beforeLast,
  classNumbers,
  LOSS_OUTPUT,
  type Loss,
  type LossOptions,
  type Terms,
  writeLoss,
} from '../autodiff/index.ts';
import { SkeinError } from '../base/index.ts';
import { formatShape } from '../tensor/index.ts';

/** Sum over the batch of what the model got right. */
export const CORRECT_OUTPUT = 'correct';

export interface ObjectiveOptions extends LossOptions {
  readonly loss: Loss;
  /** Another loss in place of the one named: distillation, say. Gets the model's outputs and the class numbers, int64 [N]. */
  readonly writeLoss?: (t: Terms, outputs: readonly string[], labels: string) => string;
}

interface Objective {
  readonly loss: string;
  readonly correct: string;
  readonly classes: number;
}

/**
 * Loss and hits. The engine refuses labels of another number than the scores' rows, and those outside the classes.
 * @param outputs the model's, of which the first is the scores [N, K]
 * @param labels int64 [N]
 */
export function writeObjective(
  t: Terms,
  outputs: readonly string[],
  labels: string,
  options: ObjectiveOptions,
): Objective {
  const scores = outputs[0] ?? '';
  const dims = t.dims(scores);
  const classes = dims[1];
  if (dims.length !== 2 || typeof classes !== 'number' || t.dtype(scores) !== 'float32') {
    throw new SkeinError(
      'unsupported',
      `Cannot train the model: its first output must be float32 [batch, classes], received '${scores}' ${t.dtype(scores)} ${formatShape(dims)}`,
    );
  }
  if (classes === 1 && options.loss === 'cross-entropy') {
    throw new SkeinError(
      'invalid-argument',
      'Cannot train the model: cross-entropy needs a score for each class, it has a single one: take bce',
    );
  }
  return t.writer.scope(LOSS_OUTPUT, () => {
    // One score tells two classes apart.
    const told = Math.max(classes, 2);
    const numbers = classNumbers(t, labels, scores, told);
    const targets = options.loss === 'cross-entropy' ? labels : oneHot(t, numbers, classes, scores);
    const loss = options.writeLoss?.(t, outputs, numbers) ?? writeLoss(t, options.loss, scores, targets, options);
    // It says yes where it is above 0.
    const answer =
      classes === 1
        ? t.cast(t.op('Greater', [t.reshape(beforeLast(t, scores, 'Sigmoid'), [-1]), t.scalar(0, scores)]), 'int64')
        : t.op('ArgMax', [scores], { axis: 1, keepdims: 0 });
    const right = t.cast(t.op('Equal', [answer, numbers]), 'float32');
    return { loss, correct: t.reduceSum(right, undefined, false), classes: told };
  });
}

function oneHot(t: Terms, labels: string, classes: number, like: string): string {
  if (classes === 1) return t.reshape(t.cast(labels, t.dtype(like)), [-1, 1]);
  const values = t.op('Concat', [t.reshape(t.scalar(0, like), [1]), t.reshape(t.scalar(1, like), [1])], { axis: 0 });
  return t.op('OneHot', [labels, t.int64s([classes]), values], { axis: -1 });
}
