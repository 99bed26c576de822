export * from './checkpoint.ts';
export * from './divergence.ts';
export * from './optimizer.ts';
export * from './parameter-layout.ts';
export * from './schedule.ts';
export * from './step-model.ts';
export * from './trainer.ts';
export type * from './trainer-options.ts';
