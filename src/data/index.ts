export type { Batch, BatchOptions, Dataset } from './dataset.ts';
export { decodeImage, type RgbImage } from './decode-image.ts';
export { type DecodedBatch, type DecodedPixels, DecodePool, type DecodePoolOptions } from './decode-pool.ts';
export { type OpenOptions, openData } from './open-data.ts';
export { checkPreprocessing, type ImageShape, type Preprocessing } from './preprocessing.ts';
