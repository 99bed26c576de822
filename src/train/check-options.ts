/** What a trainer is told, held against itself, the model and the data, before anything is opened. */
import { SkeinError } from '../base/index.ts';
import { checkAugmentation, type Dataset } from '../data/index.ts';
import type { TrainerOptions } from './trainer-options.ts';

/** Before there is a step for it, whose hints would lead nowhere. @throws SkeinError 'invalid-argument' */
export function checkClasses({ source, classNames }: Dataset): void {
  if (classNames.length >= 2) return;
  throw new SkeinError(
    'invalid-argument',
    `Cannot train on '${source}': it must have images of at least 2 classes, it has ${classNames.length}${classNames.length === 1 ? `, '${classNames[0]}'` : ''}`,
  );
}

/**
 * @param classes that the model tells apart
 * @throws SkeinError 'invalid-argument'
 */
export function checkOptions(options: TrainerOptions, classes: number): void {
  const { training, validation = training, epochs, batch, gamma, warmupEpochs = 0 } = options;
  const refuse = (what: string): SkeinError => new SkeinError('invalid-argument', what);
  if (training.size === 0) throw refuse(`Cannot train on '${training.source}': it has no images`);
  if (!Number.isSafeInteger(epochs) || epochs < 1)
    throw refuse(`Training needs a whole number of epochs from 1, received ${epochs}`);
  if (!Number.isSafeInteger(batch) || batch < 1)
    throw refuse(`Training needs a whole number of images in a batch from 1, received ${batch}`);
  if (gamma !== undefined && !(gamma >= 0 && Number.isFinite(gamma)))
    throw refuse(`The schedule's gamma must be a number from 0, received ${gamma}`);
  for (const { source, classNames } of [training, validation]) {
    if (classNames.length === classes) continue;
    throw refuse(
      `Cannot train on '${source}': the model tells ${classes} classes apart, the data has ${classNames.length}`,
    );
  }
  if (warmupEpochs >= epochs)
    throw refuse(`The warm-up must be shorter than the ${epochs} epochs of training, received ${warmupEpochs}`);
  checkAugmentation(options.augmentation ?? {}, options.preprocessing.shape);
  const { classWeights } = options;
  // A batch of weight 0 has a loss that is no number.
  if (classWeights !== undefined && !training.labels.some((label) => (classWeights[label] ?? 0) > 0)) {
    throw refuse(
      `Class weights must be above 0 for some class that the images of '${training.source}' have, received ${classWeights}`,
    );
  }
}
