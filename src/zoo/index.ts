export type { Parameter } from '../base/index.ts';
export * from './build-architecture.ts';
export type { Family } from './family.ts';
export * from './parse-architecture.ts';
export * from './zoo-table.ts';
