export * from './deep-compression.ts';
export * from './layer-sizes.ts';
