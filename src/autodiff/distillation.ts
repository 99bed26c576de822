/**
 * What a student learns from a teacher, as losses. Knowledge distillation (Hinton, Vinyals, Dean 2015):
 * w · T² · KL(softmax(teacher / T) ‖ softmax(student / T)) + (1 − w) · CE(student, labels), the mean over the batch; T²
 * makes its gradients as large as those of the labels, whatever T is. Hints (Romero et al. 2015) are a mean squared
 * difference of values inside.
 */
import { SkeinError } from '../base/index.ts';
import { isSoftmaxed } from '../ops/index.ts';
import { formatShape } from '../tensor/index.ts';
import { beforeLast, type LossOptions, writeLoss } from './loss.ts';
import type { Terms } from './terms.ts';

export interface DistillationOptions extends LossOptions {
  /** T: what both scores are divided by, above 0; the higher, the more the small probabilities count. */
  readonly temperature: number;
  /** w: the share of the teacher, 0 to 1. */
  readonly weight: number;
}

/**
 * @param student scores [N, K], logits or probabilities of a Softmax
 * @param teacher logits [N, K]
 * @param labels int64 [N]
 * @throws SkeinError 'invalid-argument' for options or shapes that do not fit
 */
export function writeDistillation(
  t: Terms,
  student: string,
  teacher: string,
  labels: string,
  { temperature, weight, ...plain }: DistillationOptions,
): string {
  checkOptions({ temperature, weight });
  const logits = beforeLast(t, student, 'Softmax');
  const [ours, theirs] = [t.dims(logits), t.dims(teacher)];
  if (ours.length !== 2 || theirs.length !== 2 || ours[1] !== theirs[1]) {
    throw new SkeinError(
      'invalid-argument',
      `The teacher must score the student's classes: expected ${formatShape(ours)}, received ${formatShape(theirs)}`,
    );
  }
  const soft = (scores: string): string => t.op('LogSoftmax', [t.scale(scores, 1 / temperature)], { axis: -1 });
  const [learnt, taught] = [soft(logits), soft(t.cast(teacher, t.dtype(logits)))];
  const each = t.mul(t.op('Exp', [taught]), t.sub(taught, learnt));
  const divergence = t.reduceMean(t.reduceSum(each, [1], false), undefined, false);
  const fromTeacher = t.scale(divergence, weight * temperature ** 2);
  if (weight === 1) return fromTeacher;
  const fromLabels = t.scale(writeLoss(t, 'cross-entropy', student, labels, plain), 1 - weight);
  return weight === 0 ? fromLabels : t.add(fromTeacher, fromLabels);
}

/** The logits of a teacher's scores: what goes into its last Softmax, or log p of probabilities that come another way. */
export function teacherLogits(t: Terms, scores: string): string {
  const before = beforeLast(t, scores, 'Softmax');
  if (before !== scores || !isSoftmaxed(t.writer.nodes, scores)) return before;
  // Float32 has hardly a number below; log 0 would take the loss with it.
  return t.op('Log', [t.op('Max', [scores, t.scalar(1e-37, scores)])]);
}

/** Mean over all elements of (guided − hint)², of the same shape. */
export function writeHintLoss(t: Terms, guided: string, hint: string): string {
  return writeLoss(t, 'mse', guided, hint);
}

function checkOptions({ temperature, weight }: Pick<DistillationOptions, 'temperature' | 'weight'>): void {
  const refuse = (what: string, received: number): SkeinError =>
    new SkeinError('invalid-argument', `${what}, received ${received}`);
  if (!(temperature > 0 && Number.isFinite(temperature))) {
    throw refuse('The temperature of distillation must be a number above 0', temperature);
  }
  if (!(weight >= 0 && weight <= 1)) throw refuse('The weight of distillation must be from 0 to 1', weight);
}
