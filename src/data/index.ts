export { AugmentPool, type AugmentPoolOptions, type ImageToAugment } from './augment/augment-pool.ts';
export { type Augmentation, augmentInto, checkAugmentation, variantsOf } from './augment/augmentation.ts';
export type { ColorJitter } from './augment/color-jitter.ts';
export { checkLabels } from './check-labels.ts';
export { ClassView, evenOrder } from './class-view.ts';
export type { Batch, BatchOptions, Dataset } from './dataset.ts';
export { decodeImage, type RgbImage } from './decode-image.ts';
export { type DecodedBatch, type DecodedPixels, DecodePool, type DecodePoolOptions } from './decode-pool.ts';
export { descriptionOf, type ModelDescription, withDescription } from './model-description.ts';
export { type OpenOptions, openData } from './open-data.ts';
export { checkPreprocessing, type ImageShape, type Preprocessing } from './preprocessing.ts';
export {
  balancedSampler,
  halfPositiveSampler,
  inverseFrequencyWeights,
  partSampler,
  type Sampler,
  shuffledSampler,
} from './samplers.ts';
export { stratifiedSample } from './stratified-sample.ts';
export { batchCount, type TrainingBatch, type TrainingOptions, trainingBatches } from './training-batches.ts';
