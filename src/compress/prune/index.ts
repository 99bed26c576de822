export * from './activation-importance.ts';
export * from './prune-to-target.ts';
export * from './pruning-order.ts';
export * from './remove-least-branches.ts';
export * from './scores.ts';
export * from './taylor-importance.ts';
export * from './unit-costs.ts';
export * from './weight-importance.ts';
