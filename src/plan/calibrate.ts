/**
 * Picks the confidence at which a cascade's small model keeps a row.
 *
 * The rule: the lowest threshold t at which the cascade is, with 80 % confidence, as accurate as the big model less
 * `maxDrop`. Both models answer every labelled row once, so the two are compared in pairs: with d = 1 where only the small
 * model is right, −1 where only the big one is, the cascade's accuracy less the big model's is D(t)/n, the mean of d over
 * the rows, counting those with confidence ≥ t (Zamirai et al., "Pairing up CNNs", section III; a row that goes on counts
 * 0).
 *
 * The guard: D(t) is a random walk along the rows in order of confidence, and the lowest t at which it is not below the
 * target is where luck helped most; measured on other images that choice loses accuracy more often than not. So t must
 * pass with its lower confidence bound, D − z·√(Σd² + 1 − D²/n) ≥ −maxDrop·n: the interval of Agresti and Min (2005) for
 * matched proportions, one-sided at 80 %, whose added pair of rows keeps agreement on few rows from looking like
 * certainty. And no higher threshold may be worse than the target beyond the same doubt: a dip that happens to recover
 * does not count. Since the lowest of many is taken, the choice holds on other images in about three of four cases
 * (measured on drawn and real pairs), the unguarded one in less than half. Stricter levels forward so much with one or two
 * thousand rows that hardly a cascade pays.
 *
 * Confidence itself is not trusted: over-confident scores (Guo et al., "On calibration of modern neural networks", 2017)
 * only move the threshold. What the guard cannot see is calibration data that the models were trained on: there both are
 * right almost everywhere, and the small one looks as good as the big one. Networks are over-confident on unseen images
 * and not on those, which is what the warning goes by where the data does not say what it is: a network that was trained
 * for a short time on many images is less sure than it is right on unseen ones, too, so the numbers alone can mislead.
 */
import { mean, SkeinError } from '../base/index.ts';
import { percent } from './percent.ts';

/** What both models said of each labelled row. */
export interface PairRecord {
  /** Of the small model, 0 to 1; NaN where its scores are not numbers: such rows always go on. */
  readonly confidence: Float64Array;
  readonly bigConfidence: Float64Array;
  /** 1 where the model's first choice is the label. */
  readonly smallRight: Uint8Array;
  readonly bigRight: Uint8Array;
}

export interface CalibrationOptions {
  /** Accuracy that may be lost, as a fraction of 1; 0 unless told. */
  readonly maxDrop?: number;
  /** Whether the data calls these images held out, or training images; guessed from the numbers where it says neither. */
  readonly heldOut?: boolean;
  /** Milliseconds an image of each model, measured alike. */
  readonly smallMs: number;
  readonly bigMs: number;
}

export interface CurvePoint {
  readonly threshold: number;
  /** Rows that go on to the big model, as a fraction. */
  readonly share: number;
  readonly accuracy: number;
  /** How many times more images a second than the big model alone. */
  readonly speedup: number;
  /** Accuracy less the big model's that is exceeded with 80 % confidence. */
  readonly lowerBound: number;
  /** It meets the rule, guard included. */
  readonly passes: boolean;
}

/**
 * 'pays': serve the cascade. 'small-suffices': the small model alone is accurate enough and faster, so that the big one
 * would never be asked. 'too-slow': the cascade would be no faster than the big model alone. 'inaccurate': no threshold
 * even measured well enough. 'no-scores': the small model's scores are not numbers on any row.
 */
export type Verdict = 'pays' | 'small-suffices' | 'too-slow' | 'inaccurate' | 'no-scores';

export interface Calibration {
  readonly rows: number;
  readonly smallAccuracy: number;
  readonly bigAccuracy: number;
  /** Rows where exactly one model is right: all that is known about their difference. */
  readonly differing: number;
  /** A point for every threshold that makes a difference, from high to low. */
  readonly curve: readonly CurvePoint[];
  /**
   * What the rule finds; where nothing passes, the point with the best lower bound of those that measured well enough,
   * with a warning; undefined where there is none.
   */
  readonly candidate: CurvePoint | undefined;
  readonly verdict: Verdict;
  /** The candidate, where a cascade of it is worth serving. */
  readonly picked: CurvePoint | undefined;
  readonly warnings: readonly string[];
}

/** The 80 % quantile of the normal distribution. */
const Z = 0.8416;
/** Fewer differing rows than this tell little. */
const FEW_DIFFERING = 30;
/**
 * Networks are over-confident on images that they have not seen, by a good part of their error; by less than this part on
 * those that they have.
 */
const SEEN_GAP = 0.1;

/** @throws SkeinError 'invalid-argument' where there are no rows or `maxDrop` is not between 0 and 1 */
export function calibrate(record: PairRecord, options: CalibrationOptions): Calibration {
  const rows = record.confidence.length;
  const maxDrop = options.maxDrop ?? 0;
  if (rows === 0) throw new SkeinError('invalid-argument', 'Cannot calibrate: expected labelled images, received none');
  if (!(maxDrop >= 0 && maxDrop <= 1)) {
    throw new SkeinError('invalid-argument', `The accuracy drop must be between 0 and 1, received ${maxDrop}`);
  }
  const smallAccuracy = mean(record.smallRight);
  const bigAccuracy = mean(record.bigRight);
  const curve = tradeOff(record, bigAccuracy, options, -maxDrop);
  const sure = curve.findLast(({ passes }) => passes);
  const candidate = sure ?? likeliest(curve, bigAccuracy - maxDrop);
  const verdict = verdictOf(curve, candidate, bigAccuracy - maxDrop);
  let differing = 0;
  for (let row = 0; row < rows; row++) if (record.smallRight[row] !== record.bigRight[row]) differing++;
  const warnings: string[] = [];
  if (differing < FEW_DIFFERING) {
    warnings.push(
      `the models differ on only ${differing} of ${rows} images, too few to tell which threshold is safe: calibrate on more images`,
    );
  }
  if (sure === undefined && (verdict === 'pays' || verdict === 'small-suffices')) {
    warnings.push(
      'no threshold keeps the accuracy with 80 % confidence, so this goes by the likeliest: calibrate on more images to be surer',
    );
  }
  if (options.heldOut === false) {
    warnings.push('these are training images, on which models are too sure of themselves: calibrate on held-out ones');
  }
  const smallGap = mean(record.confidence) - smallAccuracy;
  const bigGap = mean(record.bigConfidence) - bigAccuracy;
  const looksSeen = smallGap < SEEN_GAP * (1 - smallAccuracy) && bigGap < SEEN_GAP * (1 - bigAccuracy);
  if (options.heldOut === undefined && looksSeen) {
    warnings.push(
      `both models are right as often as they are sure (${percent(smallAccuracy)} and ${percent(bigAccuracy)}), as networks are on images that they were trained on: unless these are other images, calibrate on held-out ones`,
    );
  }
  const picked = verdict === 'pays' ? candidate : undefined;
  return { rows, smallAccuracy, bigAccuracy, differing, curve, candidate, verdict, picked, warnings };
}

function verdictOf(curve: readonly CurvePoint[], candidate: CurvePoint | undefined, target: number): Verdict {
  const smallAlone = curve.at(-1);
  if (smallAlone === undefined) return 'no-scores';
  if (candidate === undefined) return 'inaccurate';
  const smallPays = smallAlone.share === 0 && smallAlone.speedup > 1;
  if (smallPays && candidate === smallAlone) return 'small-suffices';
  // Where no threshold is sure, one that forwards rows must at least have measured better than forwarding none.
  const enough = candidate.speedup > 1 ? Math.max(target, candidate.accuracy) : target;
  if (smallPays && !candidate.passes && smallAlone.accuracy >= enough) return 'small-suffices';
  return candidate.speedup > 1 ? 'pays' : 'too-slow';
}

/** The first of equals, which is the most cautious. */
function likeliest(curve: readonly CurvePoint[], target: number): CurvePoint | undefined {
  let best: CurvePoint | undefined;
  for (const point of curve) {
    if (point.accuracy >= target && (best === undefined || point.lowerBound > best.lowerBound)) best = point;
  }
  return best;
}

function tradeOff(
  { confidence, smallRight, bigRight }: PairRecord,
  bigAccuracy: number,
  { smallMs, bigMs }: CalibrationOptions,
  target: number,
): CurvePoint[] {
  const rows = confidence.length;
  const order = Array.from(confidence.keys())
    .filter((row) => !Number.isNaN(confidence[row]))
    .sort((a, b) => (confidence[b] as number) - (confidence[a] as number));
  const curve: CurvePoint[] = [];
  let difference = 0;
  let squares = 0;
  let refuted = false;
  for (const [i, row] of order.entries()) {
    const d = (smallRight[row] as number) - (bigRight[row] as number);
    difference += d;
    squares += d * d;
    const here = confidence[row] as number;
    const next = i + 1 < order.length ? (confidence[order[i + 1] as number] as number) : 0;
    if (next === here) continue;
    const doubt = Z * Math.sqrt(Math.max(squares + 1 - difference ** 2 / rows, 0));
    refuted ||= (difference + doubt) / rows < target;
    const lowerBound = (difference - doubt) / rows;
    const share = 1 - (i + 1) / rows;
    curve.push({
      threshold: shortestBetween(next, here),
      share,
      accuracy: bigAccuracy + difference / rows,
      speedup: bigMs / (smallMs + share * bigMs),
      lowerBound,
      passes: lowerBound >= target && !refuted,
    });
  }
  return curve;
}

/** A number in (low, high] with few decimals: all of them keep the same rows, and this one is readable. */
function shortestBetween(low: number, high: number): number {
  for (let decimals = 1; decimals <= 15; decimals++) {
    // Near the middle, so that rounding in another batch size does not flip a row.
    const rounded = Number(((low + high) / 2).toFixed(decimals));
    if (rounded > low && rounded <= high) return rounded;
  }
  return high;
}
