export * from './build-architecture.ts';
export type { Family, Parameter } from './family.ts';
export * from './parse-architecture.ts';
export * from './zoo-table.ts';
