export * from './fine-tune.ts';
export * from './meter.ts';
export * from './stages.ts';
