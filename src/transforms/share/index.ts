export * from './compensate-masked.ts';
export * from './compression-rate.ts';
export * from './k-means.ts';
export * from './magnitude-masks.ts';
export * from './reparametrize.ts';
export * from './shared-weights.ts';
export * from './weight-tensors.ts';
