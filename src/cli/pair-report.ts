/** What `skein pair` says of a calibration: the object of `--json`, the trade-off table, and why no plan was written. */
import type { Calibration, CurvePoint, RecordedPair, Servable, Verdict } from '../plan/index.ts';
import { originLine } from './origin.ts';
import { formatTable, ms, percent } from './table.ts';

export interface PairReport {
  /** The path of plan.json; null where none was written. */
  readonly plan: string | null;
  readonly small: Servable;
  readonly big: Servable;
  readonly recorded: RecordedPair;
  readonly calibration: Calibration;
  readonly maxDrop: number;
}

/** The object of `--json`. */
export function reportOf({ plan, small, big, recorded, calibration, maxDrop }: PairReport): object {
  const { picked, verdict } = calibration;
  const member = (
    { plan: { name }, preprocessingFrom, labelsFrom }: Servable,
    accuracy: number,
    msPerImage: number,
  ) => ({
    name,
    accuracy,
    msPerImage,
    preprocessingFrom,
    labelsFrom,
  });
  return {
    plan,
    verdict,
    confidence: picked?.threshold ?? null,
    share: picked?.share ?? null,
    accuracy: picked?.accuracy ?? null,
    speedup: picked?.speedup ?? null,
    samples: calibration.rows,
    maxDrop,
    small: member(small, calibration.smallAccuracy, recorded.smallMs),
    big: member(big, calibration.bigAccuracy, recorded.bigMs),
    curve: someOf(calibration).map(({ threshold, share, accuracy, lowerBound, speedup }) => ({
      threshold,
      share,
      accuracy,
      lowerBound,
      speedup,
    })),
    warnings: calibration.warnings,
  };
}

const SHOWN = [0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99, 0.999];

/** The points of the curve nearest to round thresholds, and the candidate, from low to high. */
function someOf({ curve, candidate }: Calibration): CurvePoint[] {
  const shown = new Set<CurvePoint>(candidate === undefined ? [] : [candidate]);
  for (const threshold of SHOWN) {
    let nearest = curve[0];
    for (const point of curve) {
      if (Math.abs(point.threshold - threshold) < Math.abs((nearest?.threshold ?? 0) - threshold)) nearest = point;
    }
    if (nearest !== undefined) shown.add(nearest);
  }
  return curve.filter((point) => shown.has(point)).reverse();
}

export function describePair({ plan, small, big, recorded, calibration, maxDrop }: PairReport): string {
  const right = 'right' as const;
  const { picked } = calibration;
  const table = formatTable(
    [
      { title: 'threshold', align: right },
      { title: 'goes on', align: right },
      { title: 'accuracy', align: right },
      { title: 'against big', align: right },
      { title: 'at least', align: right },
      { title: 'speed-up', align: right },
      { title: '' },
    ],
    someOf(calibration).map((point) => [
      point.threshold.toFixed(3),
      percent(point.share),
      percent(point.accuracy, 2),
      signed(point.accuracy - calibration.bigAccuracy),
      signed(point.lowerBound),
      `${point.speedup.toFixed(2)}x`,
      point === picked ? '<- picked' : '',
    ]),
  );
  const lines = [
    `small  ${small.plan.name}: ${percent(calibration.smallAccuracy, 2)}, ${ms(recorded.smallMs)} an image; ${originLine(small)}`,
    `big    ${big.plan.name}: ${percent(calibration.bigAccuracy, 2)}, ${ms(recorded.bigMs)} an image; ${originLine(big)}`,
    `on ${calibration.rows} images, of which ${calibration.differing} tell the two apart`,
    '',
    table,
    `at least: exceeded with 80 % confidence; picked is the lowest threshold where it is ${signed(-maxDrop)} or better, if none above is surely worse`,
  ];
  if (plan !== null && picked !== undefined) {
    const { threshold, share, accuracy, speedup } = picked;
    const { name } = big.plan;
    lines.push(
      '',
      `At confidence ${threshold} ${percent(share)} go on to ${name}: ${percent(accuracy, 2)} right, ${speedup.toFixed(2)} times as fast as ${name} alone.`,
      `written: ${plan}`,
    );
  }
  return lines.join('\n');
}

function signed(fraction: number): string {
  return `${fraction > 0 ? '+' : ''}${percent(fraction === 0 ? 0 : fraction, 2)}`;
}

/** Times of two models that cost the same differ by some percent from run to run. */
const CLEARLY_MORE = 1.1;

function slowness({ threshold, passes, share, speedup }: CurvePoint, bigName: string): string {
  const rank = passes
    ? 'the lowest that keeps the accuracy with 80 % confidence'
    : 'the likeliest to keep the accuracy';
  return `at ${threshold}, ${rank}, ${percent(share)} go on and the cascade is ${speedup.toFixed(2)} times as fast as '${bigName}' alone`;
}

/** Why no plan was written, and what to do. */
export function whyNot({ small, big, recorded, calibration, maxDrop }: PairReport): string {
  const { verdict, candidate, smallAccuracy, bigAccuracy } = calibration;
  const [smallName, bigName] = [small.plan.name, big.plan.name];
  const { smallMs, bigMs } = recorded;
  const swapped =
    smallMs > CLEARLY_MORE * bigMs
      ? `'${smallName}' costs ${ms(smallMs)} an image, '${bigName}' ${ms(bigMs)}: the small model comes first, are the two swapped?`
      : undefined;
  const reasons: { readonly [Each in Verdict]: string } = {
    pays: 'The plan was written',
    'small-suffices': `No threshold pays: '${smallName}' alone is ${percent(smallAccuracy, 2)} right, '${bigName}' ${percent(bigAccuracy, 2)}${maxDrop > 0 ? `, of which --max-drop ${maxDrop} may be lost` : ''}, so '${bigName}' would never be asked: serve '${smallName}' alone, ${(bigMs / smallMs).toFixed(2)} times as fast`,
    'too-slow': `No threshold pays: ${swapped ?? (candidate === undefined ? '' : slowness(candidate, bigName))}`,
    inaccurate: `No threshold keeps ${percent(bigAccuracy - maxDrop, 2)} of the images right: allow a --max-drop, or take a better small model${swapped === undefined ? '' : `; ${swapped}`}`,
    'no-scores': `No threshold pays: the scores of '${smallName}' are not numbers, so '${bigName}' would always be asked: check the model and its mean and std`,
  };
  return `${reasons[verdict]}; no plan was written`;
}
