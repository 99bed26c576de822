/**
 * How the answers of parts become one: whether 'other' is subtracted from a part's scores (log odds against all other
 * classes) or dropped, and whether the scores are calibrated. By the cross-entropy of labelled images, each answered by what
 * was fitted on others of them.
 */
import { Random } from '../../base/index.ts';
import {
  type ClassCalibration,
  calibrateJointly,
  type JointQuality,
  jointQuality,
  type LabelledScores,
  uncalibrated,
} from './joint-calibration.ts';

/** What a part says of images. */
export interface PartScores {
  /** Its classes, ascending. */
  readonly classes: readonly number[];
  /** Logits [images, 1 + classes], 'other' first. */
  readonly logits: Float64Array;
}

export type OtherUse = 'subtracted' | 'dropped';

export interface Combination extends ClassCalibration {
  readonly other: OtherUse;
  readonly calibrated: boolean;
  /** Of images that the calibration was not fitted on. */
  readonly quality: JointQuality;
}

export interface ChosenCombination extends Combination {
  /** All four ways, the best first. */
  readonly tried: readonly Pick<Combination, 'other' | 'calibrated' | 'quality'>[];
}

const FOLDS = 5;

/**
 * @param parts that have every class exactly once
 * @param seed of the folds
 */
export function chooseCombination(parts: readonly PartScores[], labels: Int32Array, seed = 0): ChosenCombination {
  const ways = (['subtracted', 'dropped'] as const).flatMap((other) => {
    const scores = combinedScores(parts, labels, other);
    const plain = uncalibrated(scores.classes);
    return [
      { other, calibrated: true, scores, quality: crossValidated(scores, seed) },
      { other, calibrated: false, scores, quality: jointQuality(scores, plain) },
    ];
  });
  // Stable: of equals the first, for parts of one class each, where there is nothing to subtract.
  ways.sort((a, b) => a.quality.loss - b.quality.loss);
  const { scores, ...best } = ways[0] as (typeof ways)[number];
  const fitted = best.calibrated ? calibrateJointly(scores) : uncalibrated(scores.classes);
  return { ...best, ...fitted, tried: ways.map(({ scores: _, ...way }) => way) };
}

/** The parts' scores in the order of the classes, before calibration. */
export function combinedScores(parts: readonly PartScores[], labels: Int32Array, other: OtherUse): LabelledScores {
  const classes = parts.reduce((sum, part) => sum + part.classes.length, 0);
  const scores = new Float64Array(labels.length * classes);
  for (const part of parts) {
    const width = part.classes.length + 1;
    for (let row = 0; row < labels.length; row++) {
      const less = other === 'subtracted' ? (part.logits[row * width] as number) : 0;
      for (const [i, c] of part.classes.entries()) {
        scores[row * classes + c] = (part.logits[row * width + 1 + i] as number) - less;
      }
    }
  }
  return { scores, labels, classes };
}

/** Each fifth of the images by what was fitted on the other four. */
function crossValidated(labelled: LabelledScores, seed: number): JointQuality {
  const folds = stratifiedFolds(labelled.labels, seed);
  let [loss, top1] = [0, 0];
  for (const fold of folds) {
    if (fold.length === 0) continue;
    const others = folds.flatMap((rows) => (rows === fold ? [] : rows));
    const { loss: ofFold, top1: rightOfFold } = jointQuality(
      labelled,
      calibrateJointly(rowsOf(labelled, others)),
      fold,
    );
    loss += ofFold * fold.length;
    top1 += rightOfFold * fold.length;
  }
  return { loss: loss / labelled.labels.length, top1: top1 / labelled.labels.length };
}

/** Every class in each as evenly as can be. */
function stratifiedFolds(labels: Int32Array, seed: number): number[][] {
  const shuffled = new Random(seed).shuffle([...labels.keys()]);
  shuffled.sort((a, b) => (labels[a] as number) - (labels[b] as number));
  return Array.from({ length: FOLDS }, (_, f) => shuffled.filter((_, i) => i % FOLDS === f));
}

function rowsOf({ scores, labels, classes }: LabelledScores, rows: readonly number[]): LabelledScores {
  const taken = new Float64Array(rows.length * classes);
  for (const [i, row] of rows.entries()) taken.set(scores.subarray(row * classes, (row + 1) * classes), i * classes);
  return { scores: taken, labels: Int32Array.from(rows, (row) => labels[row] as number), classes };
}
