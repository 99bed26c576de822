/** Batches that batch normalisation has a variance of. */
import { SkeinError } from '../base/index.ts';

/**
 * @param least the smallest batch that the model can be trained with
 * @param images in an epoch, of which the last batch takes what is left
 * @throws SkeinError 'invalid-argument' where a batch would be smaller
 */
export function checkBatch(least: number, batch: number, images: number): void {
  const last = images % batch === 0 ? Math.min(batch, images) : images % batch;
  if (last >= least) return;
  const which =
    batch < least ? `batches of ${batch}` : `${images} images in batches of ${batch}: the last would have ${last}`;
  throw new SkeinError(
    'invalid-argument',
    `Cannot train with ${which}; the model's batch normalisation needs more than 1 value per channel, so batches from ${least}: choose another size`,
  );
}
