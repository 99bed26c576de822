export * from './atomic-file.ts';
export * from './cancellation.ts';
export * from './clock.ts';
export * from './errors.ts';
export * from './random.ts';
export * from './statistics.ts';
export * from './worker-pool.ts';
export * from './worker-thread.ts';
