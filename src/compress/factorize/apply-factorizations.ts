/** Splits layer after layer, each of which may take seconds, so that it can be shown and stopped. */
import { setImmediate } from 'node:timers/promises';
import { SkeinError } from '../../base/index.ts';
import type { Model } from '../../graph/index.ts';
import { type Factorization, rewriteFactorized } from '../../transforms/index.ts';
import type { SurveyOptions } from './survey-layers.ts';

/** @throws SkeinError as rewriteFactorized, and 'cancelled' on the signal */
export async function applyFactorizations(
  model: Model,
  factorizations: ReadonlyMap<string, Factorization>,
  { signal, onLayer }: Pick<SurveyOptions, 'signal' | 'onLayer'> = {},
): Promise<Model> {
  let current = model;
  let done = 0;
  for (const [name, factorization] of factorizations) {
    if (signal?.aborted) throw new SkeinError('cancelled', `Stopped after ${done} layers were split`);
    onLayer?.(done++, factorizations.size, name);
    await setImmediate();
    current = rewriteFactorized(current, new Map([[name, factorization]]));
  }
  return current;
}
