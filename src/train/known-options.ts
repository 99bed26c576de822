/** The names of a trainer's options: JavaScript passes a mistyped one on in silence, and the training would be another. */
import { nearestName, SkeinError } from '../base/index.ts';
import type { TrainerOptions } from './trainer-options.ts';

/** A name that is missing here does not compile. */
const OPTIONS: { readonly [Name in keyof Required<TrainerOptions>]: true } = {
  model: true,
  training: true,
  validation: true,
  preprocessing: true,
  epochs: true,
  batch: true,
  rate: true,
  schedule: true,
  warmupEpochs: true,
  milestones: true,
  gamma: true,
  augmentation: true,
  imageFeeds: true,
  sampler: true,
  seed: true,
  threads: true,
  device: true,
  augmentThreads: true,
  optimizer: true,
  frozen: true,
  clipNorm: true,
  emaDecay: true,
  loss: true,
  labelSmoothing: true,
  classWeights: true,
  writeLoss: true,
};

/** @throws SkeinError 'invalid-argument' */
export function checkKnownOptions(options: object): void {
  const names = Object.keys(OPTIONS);
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(OPTIONS, name)) continue;
    const meant = nearestName(name, names) ?? names.find((known) => known.toLowerCase().startsWith(name.toLowerCase()));
    const hint = meant === undefined ? `: expected one of ${names.join(', ')}` : `: did you mean '${meant}'?`;
    throw new SkeinError('invalid-argument', `The trainer has no option '${name}'${hint}`);
  }
}
