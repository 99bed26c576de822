/** Whether training has come no further than guessing, which is how a rate that is too high shows. */
import type { EpochReport } from '../train/index.ts';

/** Before so many steps no network has come far. */
export const CHANCE_STEPS = 30;
/** Guessing every class alike has the loss ln K; a network that has learned anything is below it. */
const SHARE = 0.99;

export interface Chance {
  readonly report: Pick<EpochReport, 'epoch' | 'training' | 'validation'>;
  /** Steps done. */
  readonly step: number;
  readonly classes: number;
  /** The highest learning rate. */
  readonly rate: number;
}

/** A line of what to try, or undefined where cross-entropy is below that of guessing or it is too early to say. */
export function atChance({ report, step, classes, rate }: Chance): string | undefined {
  const { epoch, training, validation } = report;
  const loss = Math.min(training.loss, validation?.loss ?? Number.POSITIVE_INFINITY);
  const guessing = Math.log(classes);
  if (step < CHANCE_STEPS || loss < SHARE * guessing) return undefined;
  return `after epoch ${epoch} the loss, ${loss.toFixed(3)}, is still that of guessing, ln ${classes} = ${guessing.toFixed(3)}, at a rate of ${rate}: if it stays there try a lower --rate, ${Number((rate / 10).toPrecision(3))} say, --warmup, or more epochs`;
}
