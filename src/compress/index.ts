export * from './factorize/index.ts';
export * from './fine-tune.ts';
export * from './meter.ts';
export * from './share/index.ts';
export * from './stages.ts';
