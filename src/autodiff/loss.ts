/** Losses as nodes behind a model's output: each is the mean over the batch, a scalar of the output's type. */
import { SkeinError } from '../base/index.ts';
import { Tensor } from '../graph/index.ts';
import { formatShape } from '../tensor/index.ts';
import type { Terms } from './terms.ts';

/**
 * `cross-entropy`: −log softmax(logits)[label], labels int64 [N]. `bce`: binary cross-entropy of each logit with a label
 * between 0 and 1 of the same shape. `mse`: mean squared difference, labels of the same shape.
 */
export type Loss = 'cross-entropy' | 'bce' | 'mse';

export interface LossOptions {
  /**
   * Of cross-entropy: the share of the target that is spread evenly over all classes (Szegedy et al. 2016, section 7); 0
   * unless told.
   */
  readonly labelSmoothing?: number;
  /**
   * Of cross-entropy: a factor for each class; the mean is weighted by them, as PyTorch's is. Where all in a batch are 0 it is
   * the sum, which without label smoothing is 0, and not PyTorch's 0/0.
   */
  readonly classWeights?: readonly number[];
}

/**
 * Writes the loss.
 * @param logits [N, K]; for bce and mse any shape
 * @param labels a value: int64 [N] for cross-entropy, else the shape and type of `logits`. The engine refuses labels of
 * another number, and class numbers outside 0 … K − 1, when it runs.
 * @throws SkeinError 'unsupported' where the logits have another shape, 'invalid-argument' for options that do not fit
 */
export function writeLoss(t: Terms, loss: Loss, logits: string, labels: string, options: LossOptions = {}): string {
  checkOptions(loss, options);
  switch (loss) {
    case 'cross-entropy':
      return crossEntropy(t, logits, labels, options);
    case 'bce': {
      const raw = beforeLast(t, logits, 'Sigmoid');
      // log(1 + eˣ) − x·y: exact for large |x|, where log σ(x) is not.
      const each = t.sub(t.op('Softplus', [raw]), t.mul(raw, asMany(t, labels, logits)));
      return t.reduceMean(each, undefined, false);
    }
    case 'mse': {
      const difference = t.sub(logits, asMany(t, labels, logits));
      return t.reduceMean(t.mul(difference, difference), undefined, false);
    }
  }
}

/** What goes into the operator that makes the scores, where that is the one that the loss has in itself. */
export function beforeLast(t: Terms, scores: string, opType: 'Softmax' | 'Sigmoid'): string {
  const last = t.writer.nodes.find(({ outputs }) => outputs[0] === scores);
  return last?.opType === opType && last.domain === '' ? (last.inputs[0] ?? scores) : scores;
}

/**
 * Class numbers as they are, where there is one for each row of `scores` and all are from 0 to `classes` − 1; with others
 * the engine fails, naming the range. Needed since OneHot has zeros for those outside, Gather takes negative ones from the
 * end, and labels of a single image broadcast.
 * @param labels int64 [N]
 * @param scores [N, …]
 */
export function classNumbers(t: Terms, labels: string, scores: string, classes: number): string {
  const int = (value: number): string => t.scalar(value, labels);
  return t.writer.scope(`labels must be ${formatShape(t.dims(scores).slice(0, 1))} from 0 to ${classes - 1}`, () => {
    const rows = t.slice(t.shapeOf(scores), [{ axis: 0, start: 0, end: 1 }]);
    const each = t.op('Reshape', [labels, rows]);
    const outside = t.sub(each, int(classes));
    const bounded = t.op('Where', [t.op('Less', [each, int(0)]), outside, each]);
    return t.op('Gather', [t.op('Range', [int(0), int(classes), int(1)]), bounded], { axis: 0 });
  });
}

/** Labels in the shape of `logits`, so that the engine fails where there are fewer instead of repeating them. */
function asMany(t: Terms, labels: string, logits: string): string {
  return t.writer.scope('labels must be as many as the scores', () => t.op('Reshape', [labels, t.shapeOf(logits)]));
}

function crossEntropy(t: Terms, scores: string, labels: string, options: LossOptions): string {
  const logits = beforeLast(t, scores, 'Softmax');
  const dims = t.dims(logits);
  const classes = dims[1];
  if (dims.length !== 2 || typeof classes !== 'number') {
    throw new SkeinError(
      'unsupported',
      `Cross-entropy needs an output [batch, classes] with a known number of classes, received '${logits}' ${formatShape(dims)}`,
    );
  }
  const { labelSmoothing = 0, classWeights } = options;
  if (classWeights !== undefined && classWeights.length !== classes) {
    throw new SkeinError(
      'invalid-argument',
      `The loss needs a weight for each of the ${classes} classes, received ${classWeights.length}`,
    );
  }
  const dtype = t.dtype(logits);
  const numbers = classNumbers(t, labels, scores, classes);
  const logProbabilities = t.op('LogSoftmax', [logits], { axis: -1 });
  const mean = (parts: string, total: string): string => t.neg(t.div(t.reduceSum(parts, undefined, false), total));
  const targeted = (): string => {
    if (labelSmoothing === 0) return ofLabels(t, logProbabilities, numbers, classes);
    const [off, on] = [labelSmoothing / classes, 1 - labelSmoothing + labelSmoothing / classes];
    const values = t.writer.constant(Tensor.of(dtype, [2], [off, on]));
    return t.mul(t.op('OneHot', [numbers, t.int64s([classes]), values], { axis: -1 }), logProbabilities);
  };
  if (classWeights === undefined) return mean(targeted(), t.cast(t.op('Size', [numbers]), dtype));
  const weights = t.writer.constant(Tensor.of(dtype, [classes], classWeights));
  const total = t.reduceSum(t.op('Gather', [weights, numbers], { axis: 0 }), undefined, false);
  const weighted = t.mul(targeted(), weights);
  if (!classWeights.includes(0)) return mean(weighted, total);
  // A batch that happens to have only images of weight 0 must not end the training.
  const none = t.op('Equal', [total, t.scalar(0, total)]);
  return mean(weighted, t.op('Where', [none, t.scalar(1, total), total]));
}

/** [N, K] as it is at each row's label, zeros elsewhere: no product, since 0 · −∞, of a masked class, is no number. */
function ofLabels(t: Terms, values: string, numbers: string, classes: number): string {
  const all = t.int64s(Array.from({ length: classes }, (_, i) => i));
  return t.where(t.op('Equal', [t.reshape(numbers, [-1, 1]), all]), values);
}

function checkOptions(loss: Loss, { labelSmoothing, classWeights }: LossOptions): void {
  const invalid = (what: string): SkeinError => new SkeinError('invalid-argument', what);
  if (loss !== 'cross-entropy') {
    const other = labelSmoothing ? 'Label smoothing is' : classWeights === undefined ? undefined : 'Class weights are';
    if (other !== undefined) throw invalid(`${other} of the loss cross-entropy, received ${loss}`);
  }
  if (labelSmoothing !== undefined && !(labelSmoothing >= 0 && labelSmoothing < 1)) {
    throw invalid(`Label smoothing must be from 0 to below 1, received ${labelSmoothing}`);
  }
  const wrong = classWeights?.find((weight) => !(weight >= 0 && Number.isFinite(weight)));
  if (wrong !== undefined) throw invalid(`Class weights must be numbers from 0, received ${wrong}`);
}
