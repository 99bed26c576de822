export * from './compensate.ts';
export * from './remove-channels.ts';
export * from './take-along.ts';
