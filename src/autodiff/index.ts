export { type DifferentiateOptions, differentiate } from './differentiate.ts';
export * from './gradient-model.ts';
export type { Gradient, GradientRule } from './gradient-rule.ts';
export { GRADIENTS } from './gradient-rules.ts';
export { GraphWriter } from './graph-writer.ts';
export { beforeLast, classNumbers, LOSSES, type Loss, type LossOptions, writeLoss } from './loss.ts';
export { Terms } from './terms.ts';
export { type TrainingMode, type TrainingModeOptions, trainingMode } from './training-mode.ts';
