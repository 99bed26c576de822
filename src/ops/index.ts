export * from './cost.ts';
export * from './dims.ts';
export * from './infer-shapes.ts';
export * from './known-value.ts';
export * from './op-context.ts';
export type * from './op-rule.ts';
export { knownOpType, OP_RULES, ruleOf } from './op-rules.ts';
export * from './op-type.ts';
export { constantOf, isInactiveDropout } from './shape-arithmetic.ts';
