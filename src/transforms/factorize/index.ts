export * from './evbmf.ts';
export * from './factorization.ts';
export { type Kernel, kernelOf } from './kernel.ts';
export * from './layers.ts';
export { gram, type Matrix, matrix, multiply } from './matrix.ts';
export * from './rewrite.ts';
export * from './spectrum.ts';
export { type WeightedKernel, type Weighting, weighted } from './weighting.ts';
