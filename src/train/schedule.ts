/** The learning rate at each step, as factors of the highest. */
import { SkeinError } from '../base/index.ts';

export type ScheduleKind = 'constant' | 'step' | 'cosine' | 'one-cycle';

export interface ScheduleOptions {
  readonly kind: ScheduleKind;
  /** The highest learning rate. */
  readonly rate: number;
  /** Steps in all, warm-up included. */
  readonly steps: number;
  /** At the start the rate grows linearly over so many steps (Goyal et al. 2017); 0 unless told, and none in one-cycle. */
  readonly warmupSteps?: number;
  /** Of 'step': the rate falls after these shares of the steps, rounded; [0.5, 0.75] unless told (He et al. 2016). */
  readonly milestones?: readonly number[];
  /** Of 'step': what is left of it; 0.1 unless told. */
  readonly gamma?: number;
}

/** Of one-cycle (Smith and Topin 2018), as PyTorch's OneCycleLR has them. */
const RISE = 0.3;
const START_DIVISOR = 25;
const END_DIVISOR = 1e4;

/**
 * The rate of each step, counted from 0.
 * @throws SkeinError 'invalid-argument' for numbers outside their range
 */
export function learningRates(options: ScheduleOptions): (step: number) => number {
  const { kind, rate, steps, warmupSteps = 0, milestones = [0.5, 0.75], gamma = 0.1 } = options;
  const invalid = (what: string): SkeinError =>
    new SkeinError('invalid-argument', `The learning rate schedule: ${what}`);
  if (!(rate > 0 && Number.isFinite(rate))) throw invalid(`the rate must be above 0, received ${rate}`);
  const [warmupFault, milestonesFault] = [faultOfWarmup(warmupSteps, steps, 'steps'), faultOfMilestones(milestones)];
  if (warmupFault !== undefined) throw invalid(`the warm-up ${warmupFault}`);
  if (milestonesFault !== undefined) throw invalid(`milestones ${milestonesFault}`);
  if (kind === 'one-cycle') return (step) => rate * oneCycle(step, steps);
  return (step) => {
    if (step < warmupSteps) return (rate * (step + 1)) / (warmupSteps + 1);
    if (kind === 'step') return rate * gamma ** milestones.filter((share) => step >= Math.round(share * steps)).length;
    return kind === 'constant' ? rate : rate * cosine((step - warmupSteps) / Math.max(steps - warmupSteps, 1));
  };
}

/** What is wrong with a warm-up, as it is said behind its name. @param unit of both numbers: steps, or epochs */
export function faultOfWarmup(warmup: number, all: number, unit: string): string | undefined {
  if (warmup >= 0 && warmup < Math.max(all, 1)) return undefined;
  return `must be shorter than the ${all} ${unit}, received ${warmup}`;
}

/** What is wrong with milestones, as it is said behind their name. */
export function faultOfMilestones(milestones: readonly number[]): string | undefined {
  if (milestones.every((share) => share > 0 && share < 1)) return undefined;
  return `must be shares of the training between 0 and 1, received ${milestones}; divide epochs by the number of all`;
}

/** 1 to 0 along half a cosine (Loshchilov and Hutter 2017, equation 5, without restarts). */
function cosine(share: number): number {
  return (1 + Math.cos(Math.PI * share)) / 2;
}

function oneCycle(step: number, steps: number): number {
  const [start, end] = [1 / START_DIVISOR, 1 / START_DIVISOR / END_DIVISOR];
  const top = RISE * steps - 1;
  const between = (from: number, to: number, share: number): number => to + (from - to) * cosine(share);
  if (step <= top) return between(start, 1, step / top);
  return between(1, end, (step - top) / Math.max(steps - 1 - top, 1));
}
