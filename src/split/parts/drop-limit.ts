/**
 * How far a part may be cut by what it loses at once: as long as it tells its classes from each other and from all others
 * nearly as well as the whole network does, before it is trained.
 */
import type { Meter } from '../../compress/index.ts';
import type { Dataset, Preprocessing } from '../../data/index.ts';
import type { Model } from '../../graph/index.ts';
import { imagesOfBothSides } from './class-importance.ts';
import { ownAccuracy, recordPart } from './part-scores.ts';

export interface DropLimitOptions {
  /** Of the accuracy of the part at its own task (see `ownAccuracy`), a fraction of 1. */
  readonly most: number;
  /** That it is judged on at most, half of them of its classes. */
  readonly images: number;
  readonly seed: number;
  /** Told after each batch; what it throws ends the judging. */
  readonly onImages?: () => void;
}

/** Of differences of fractions. */
const ROUNDING = 1e-9;

/**
 * @param whole the part before it is cut
 * @returns whether a part that was cut is within the limit
 */
export async function dropLimit(
  meter: Meter,
  whole: Model,
  classes: readonly number[],
  data: Dataset,
  preprocessing: Preprocessing,
  { most, images, seed, onImages = () => {} }: DropLimitOptions,
): Promise<(model: Model) => Promise<boolean>> {
  const order = imagesOfBothSides(data.labels, classes, images, seed);
  const accuracyOf = async (model: Model): Promise<number> =>
    ownAccuracy(await recordPart(meter, model, classes, data, preprocessing, { order, onImages }));
  const before = await accuracyOf(whole);
  return async (model) => before - (await accuracyOf(model)) <= most + ROUNDING;
}
