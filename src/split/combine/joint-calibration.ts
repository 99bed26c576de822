/**
 * Brings the scores of networks that were trained apart onto one scale: a scale and a bias a class, fitted so that the
 * softmax over all of them answers labelled images best (Guo et al. 2017, On Calibration of Modern Neural Networks: vector
 * scaling). The loss is convex in both, so that there is one answer.
 */
import { minimize, type Valued } from './minimize.ts';

/** Scores of labelled images, [images, classes], in double precision. */
export interface LabelledScores {
  readonly scores: Float64Array;
  readonly labels: Int32Array;
  readonly classes: number;
}

/** The logit of class c is scale[c] · score + bias[c]. */
export interface ClassCalibration {
  readonly scale: Float64Array;
  readonly bias: Float64Array;
}

/** Scores as they are. */
export function uncalibrated(classes: number): ClassCalibration {
  return { scale: new Float64Array(classes).fill(1), bias: new Float64Array(classes) };
}

/**
 * How strongly scales are held to 1 and biases to 0, as so many images would: a Gaussian of width 1 around each. It decides
 * what few images leave open, among it what is added to all biases alike.
 */
const PRIOR = 1;

/** @param prior weight of what holds scales to 1 and biases to 0; 1 unless told, 0 for none */
export function calibrateJointly(labelled: LabelledScores, prior = PRIOR): ClassCalibration {
  const { classes } = labelled;
  const { scale, bias } = uncalibrated(classes);
  if (labelled.labels.length === 0) return { scale, bias };
  const found = minimize((x) => calibrationLoss(labelled, x, prior), Float64Array.of(...scale, ...bias));
  return { scale: found.slice(0, classes), bias: found.slice(classes) };
}

/**
 * Mean cross-entropy of the softmax + prior / (2 · images) · (Σ (scale − 1)² + Σ bias²), and its gradient.
 * @param parameters scales of all classes, then biases
 */
export function calibrationLoss(
  { scores, labels, classes }: LabelledScores,
  parameters: Float64Array,
  prior: number,
): Valued {
  const gradient = new Float64Array(2 * classes);
  const logits = new Float64Array(classes);
  let value = 0;
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row] as number;
    for (let c = 0; c < classes; c++) {
      const score = scores[row * classes + c] as number;
      logits[c] = (parameters[c] as number) * score + (parameters[classes + c] as number);
    }
    const logSum = logSumExp(logits);
    value += logSum - (logits[label] as number);
    for (let c = 0; c < classes; c++) {
      const error = Math.exp((logits[c] as number) - logSum) - (c === label ? 1 : 0);
      gradient[c] = (gradient[c] as number) + error * (scores[row * classes + c] as number);
      gradient[classes + c] = (gradient[classes + c] as number) + error;
    }
  }
  for (let i = 0; i < gradient.length; i++) {
    const off = (parameters[i] as number) - (i < classes ? 1 : 0);
    value += (prior / 2) * off ** 2;
    gradient[i] = ((gradient[i] as number) + prior * off) / labels.length;
  }
  return { value: value / labels.length, gradient };
}

export interface JointQuality {
  /** Mean cross-entropy. */
  readonly loss: number;
  /** Fraction of 1. */
  readonly top1: number;
}

/** How well calibrated scores answer; of those rows, where they are named. */
export function jointQuality(
  { scores, labels, classes }: LabelledScores,
  { scale, bias }: ClassCalibration,
  rows: Iterable<number> = labels.keys(),
): JointQuality {
  const logits = new Float64Array(classes);
  let [count, loss, right] = [0, 0, 0];
  for (const row of rows) {
    const label = labels[row] as number;
    for (let c = 0; c < classes; c++) {
      logits[c] = (scale[c] as number) * (scores[row * classes + c] as number) + (bias[c] as number);
    }
    loss += logSumExp(logits) - (logits[label] as number);
    if (logits.indexOf(Math.max(...logits)) === label) right++;
    count++;
  }
  return { loss: loss / count, top1: right / count };
}

/** log Σ exp, of numbers however large. */
function logSumExp(values: Float64Array): number {
  let highest = Number.NEGATIVE_INFINITY;
  for (const value of values) highest = Math.max(highest, value);
  let sum = 0;
  for (const value of values) sum += Math.exp(value - highest);
  return highest + Math.log(sum);
}
