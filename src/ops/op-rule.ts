/** What Skein knows of one operator. */
import type { ValueType } from '../graph/index.ts';
import type { DType } from '../tensor/index.ts';
import type { Dims } from './dims.ts';
import type { KnownValue } from './known-value.ts';
import type { OpContext } from './op-context.ts';

export interface OpRule {
  /** The type of each output, as far as it can be known. @throws SkeinError 'invalid-argument' if inputs contradict */
  readonly infer: (op: OpContext) => readonly ValueType[];
  /**
   * The value of each output, where those of the inputs decide it bit for bit. Only what moves elements, exact integer
   * arithmetic, and float operations that every machine rounds alike (+ − × ÷) are done; others say `notEvaluated`.
   */
  readonly evaluate: (op: OpContext) => readonly (KnownValue | undefined)[];
  /** Multiply-accumulates of one run; undefined where a shape is not known. */
  readonly macs: (op: OpContext) => number | undefined;
  /** Inputs whose constants set the operator up (statistics, bounds, scales): they are no trainable parameters. */
  readonly settings: readonly number[];
}

/** By the field's convention only convolutions and matrix products count. */
export const free = (): number => 0;

export const notEvaluated = (): readonly undefined[] => [];

/** A rule, free and not evaluated unless told. */
export function rule(
  infer: OpRule['infer'],
  more: { readonly [Key in 'evaluate' | 'macs' | 'settings']?: OpRule[Key] } = {},
): OpRule {
  return { infer, evaluate: more.evaluate ?? notEvaluated, macs: more.macs ?? free, settings: more.settings ?? [] };
}

export function typed(dtype: DType | undefined, dims: Dims | undefined): ValueType {
  return { dtype, dims };
}

/** One output like the first input. */
export const likeFirst: OpRule['infer'] = (op) => [typed(op.dtype(0), op.dims(0))];
