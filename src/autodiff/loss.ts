/** Losses as nodes behind a model's output: each is the mean over the batch, a scalar of the output's type. */
import { SkeinError } from '../base/index.ts';
import { Tensor } from '../graph/index.ts';
import { formatShape } from '../tensor/index.ts';
import type { Terms } from './terms.ts';

/**
 * `cross-entropy`: −log softmax(logits)[label], labels int64 [N]. `bce`: binary cross-entropy of each logit with a label
 * between 0 and 1 of the same shape. `mse`: mean squared difference, labels of the same shape.
 */
export const LOSSES = ['cross-entropy', 'bce', 'mse'] as const;
export type Loss = (typeof LOSSES)[number];

export interface LossOptions {
  /**
   * Of cross-entropy: the share of the target that is spread evenly over all classes (Szegedy et al. 2016, section 7); 0
   * unless told.
   */
  readonly labelSmoothing?: number;
  /** Of cross-entropy: a factor for each class; the mean is weighted by them, as PyTorch's is. */
  readonly classWeights?: readonly number[];
}

/**
 * Writes the loss.
 * @param logits [N, K]; for bce and mse any shape
 * @param labels a value: int64 [N] for cross-entropy, else the shape and type of `logits`. Of class numbers the engine
 * refuses those outside −K … K − 1; as everywhere in ONNX, negative ones count from the end.
 * @throws SkeinError 'unsupported' where the logits have another shape, 'invalid-argument' for options that do not fit
 */
export function writeLoss(t: Terms, loss: Loss, logits: string, labels: string, options: LossOptions = {}): string {
  checkOptions(loss, options);
  switch (loss) {
    case 'cross-entropy':
      return crossEntropy(t, beforeLast(t, logits, 'Softmax'), labels, options);
    case 'bce': {
      const raw = beforeLast(t, logits, 'Sigmoid');
      // log(1 + eˣ) − x·y: exact for large |x|, where log σ(x) is not.
      const each = t.sub(t.op('Softplus', [raw]), t.mul(raw, labels));
      return t.reduceMean(each, undefined, false);
    }
    case 'mse': {
      const difference = t.sub(logits, labels);
      return t.reduceMean(t.mul(difference, difference), undefined, false);
    }
  }
}

/** What goes into the operator that makes the scores, where that is the one that the loss has in itself. */
export function beforeLast(t: Terms, scores: string, opType: 'Softmax' | 'Sigmoid'): string {
  const last = t.writer.nodes.find(({ outputs }) => outputs[0] === scores);
  return last?.opType === opType && last.domain === '' ? (last.inputs[0] ?? scores) : scores;
}

function crossEntropy(t: Terms, logits: string, labels: string, options: LossOptions): string {
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
  const [off, on] = [labelSmoothing / classes, 1 - labelSmoothing + labelSmoothing / classes];
  const values = t.writer.constant(Tensor.of(dtype, [2], [off, on]));
  let targets = t.op('OneHot', [labels, t.int64s([classes]), values], { axis: -1 });
  const logProbabilities = t.op('LogSoftmax', [logits], { axis: -1 });
  const weights = t.writer.constant(Tensor.of(dtype, [classes], classWeights ?? Array(classes).fill(1)));
  // Picked without weights, too: a label out of range fails here, where OneHot would take it for none.
  const picked = t.op('Gather', [weights, labels], { axis: 0 });
  if (classWeights !== undefined) targets = t.mul(targets, weights);
  const all = t.reduceSum(t.mul(targets, logProbabilities), undefined, false);
  return t.neg(t.div(all, t.reduceSum(picked, undefined, false)));
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
