/** Whether parts are faster as one model, and in which form: measured on one thread, all ways in turns. */
import { SkeinError } from '../../base/index.ts';
import type { Meter } from '../../compress/index.ts';
import type { ImageShape } from '../../data/index.ts';
import type { Model } from '../../graph/index.ts';
import type { OtherUse } from '../combine/choose-combination.ts';
import { type MergedForm, mergedModel, type PartToMerge } from './merged-model.ts';

export interface MergedChoice {
  readonly form: MergedForm;
  readonly model: Model;
  /** Milliseconds of one image on one thread, in every form that there is; of the parts, one after another. */
  readonly latencyMs: { readonly parts: number } & { readonly [Form in MergedForm]?: number };
  /** Of the part that takes longest: what an image waits for where each part has a thread of its own. */
  readonly slowestMs: number;
  /** Why the parts cannot be grouped, where they cannot. */
  readonly ungrouped?: string;
}

/**
 * The parts as one model, in the fastest form.
 * @param only in this form, whatever is faster
 * @throws SkeinError as `mergedModel` does, but for parts that could not be grouped and need not
 */
export async function chooseMerged(
  meter: Meter,
  parts: readonly PartToMerge[],
  other: OtherUse,
  { shape, only }: { readonly shape: ImageShape; readonly only?: MergedForm },
): Promise<MergedChoice> {
  const forms: { readonly form: MergedForm; readonly model: Model }[] = [];
  let ungrouped: string | undefined;
  if (only !== 'grouped') forms.push({ form: 'side-by-side', model: mergedModel('side-by-side', parts, other) });
  if (only !== 'side-by-side') {
    try {
      forms.push({ form: 'grouped', model: mergedModel('grouped', parts, other) });
    } catch (error) {
      if (only === 'grouped' || !(error instanceof SkeinError && error.code === 'unsupported')) throw error;
      ungrouped = error.message;
    }
  }
  const models = parts.map(({ model }) => model);
  const times = await meter.latenciesMs([...models, models, ...forms.map(({ model }) => model)], { shape });
  const ofForms = times.slice(parts.length + 1);
  const fastest = ofForms.indexOf(Math.min(...ofForms));
  return {
    ...(forms[fastest] as (typeof forms)[number]),
    latencyMs: {
      parts: times[parts.length] as number,
      ...Object.fromEntries(forms.map(({ form }, i) => [form, ofForms[i]])),
    },
    slowestMs: Math.max(...times.slice(0, parts.length)),
    ...(ungrouped !== undefined && { ungrouped }),
  };
}
