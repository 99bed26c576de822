export * from './evbmf.ts';
export * from './factorization.ts';
export { inputMetric, intoMetric } from './input-metric.ts';
export type { Kernel } from './kernel.ts';
export * from './rewrite.ts';
export * from './spectrum.ts';
export * from './weight-layers.ts';
