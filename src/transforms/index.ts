export * from './factorize/index.ts';
export * from './fold.ts';
export * from './fold-batch-norm.ts';
export * from './pass.ts';
export * from './quantize/index.ts';
export * from './residual/residual-branches.ts';
export * from './share/index.ts';
