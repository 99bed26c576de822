/** A cascade at a threshold that nobody calibrated. */
import { openServable, savePlan } from '../../src/plan/index.ts';

/** In plan names, so that a row can say it. */
export const BY_HAND = 'by-hand';

const CONFIDENCE = 0.9;

/** @param small, big models or plans. @param folder where the plan goes */
export async function cascadeByHand(small: string, big: string, folder: string): Promise<void> {
  const { plan } = await openServable(big);
  const { input, labels } = plan;
  const first = await openServable(small, { labels, mean: input.mean, std: input.std });
  const root = { kind: 'cascade', small: first.plan.root, big: plan.root, confidence: CONFIDENCE } as const;
  await savePlan({ name: BY_HAND, input, labels, root }, folder);
}
