export { type ActivationScale, activationScale, type Range, rint } from './affine.ts';
export * from './fake-quantized-model.ts';
export * from './half-weights.ts';
export * from './plan-quantization.ts';
export * from './quantize-model.ts';
export type { Bits, Ranges } from './quantizer.ts';
