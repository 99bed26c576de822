/** Splits layer after layer, each of which may take a minute, so that it can be shown and stopped. */
import { SkeinError } from '../../base/index.ts';
import type { Model } from '../../graph/index.ts';
import { type Factorization, layerNamed, weightLayersOf, withParts } from '../../transforms/index.ts';
import { Decomposer } from './decomposer.ts';
import type { SurveyOptions } from './survey-layers.ts';

/** @throws SkeinError as rewriteFactorized, and 'cancelled' on the signal */
export async function applyFactorizations(
  model: Model,
  factorizations: ReadonlyMap<string, Factorization>,
  { moments, signal, onLayer }: Pick<SurveyOptions, 'moments' | 'signal' | 'onLayer'> = {},
): Promise<Model> {
  const decomposer = new Decomposer(signal, moments);
  let current = model;
  let done = 0;
  try {
    for (const [name, factorization] of factorizations) {
      if (signal?.aborted) throw new SkeinError('cancelled', `Stopped after ${done} layers were split`);
      onLayer?.(done++, factorizations.size, name);
      const layer = layerNamed(weightLayersOf(current), name);
      const parts = await decomposer.parts(current, layer, factorization);
      current = withParts(current, layer, parts, factorization.kind);
    }
  } finally {
    await decomposer.close();
  }
  return current;
}
