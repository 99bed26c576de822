export { type ActivationScale, activationScale, type Range, rint } from './affine.ts';
export * from './half-weights.ts';
export * from './plan-quantization.ts';
export * from './quantize-model.ts';
