/** What a step is told, held against the ranges that its formulas are for; the optimizer checks its own. */
import { SkeinError } from '../base/index.ts';
import type { StepOptions } from './step-model.ts';

/** @throws SkeinError 'invalid-argument' */
export function checkStepOptions({ clipNorm, emaDecay, seed = 0 }: StepOptions): void {
  if (clipNorm !== undefined && !(clipNorm > 0)) {
    throw refused(
      `The norm that gradients are clipped to must be above 0, received ${clipNorm}; leave it out not to clip`,
    );
  }
  if (emaDecay !== undefined && !(emaDecay >= 0 && emaDecay < 1))
    throw refused(`The decay of averages must be from 0 to below 1, received ${emaDecay}`);
  if (!Number.isSafeInteger(seed)) throw refused(`The seed must be a whole number, received ${seed}`);
}

const refused = (message: string): SkeinError => new SkeinError('invalid-argument', message);
