export * from './evbmf.ts';
export * from './factorization.ts';
export type { Kernel } from './kernel.ts';
export * from './layers.ts';
export * from './rewrite.ts';
export * from './spectrum.ts';
