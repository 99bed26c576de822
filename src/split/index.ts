export * from './combine/choose-combination.ts';
export * from './combine/joint-calibration.ts';
export { balancedKMeans, scatterOf } from './groups/balanced-k-means.ts';
export { classFeatures } from './groups/class-features.ts';
export * from './groups/class-groups.ts';
export * from './parts/class-importance.ts';
export * from './parts/part-scores.ts';
export * from './parts/part-training.ts';
export * from './parts/prune-part.ts';
