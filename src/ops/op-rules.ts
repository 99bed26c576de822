/** The total table of operator rules, one file a family. */
import type { Node } from '../graph/index.ts';
import { activation } from './activation.ts';
import { arithmetic } from './arithmetic.ts';
import { convolution } from './convolution.ts';
import { indexing } from './indexing.ts';
import { matmul } from './matmul.ts';
import { movement } from './movement.ts';
import { normalization } from './normalization.ts';
import type { OpRule } from './op-rule.ts';
import type { OpType } from './op-type.ts';
import { pooling } from './pooling.ts';
import { quantization } from './quantization.ts';
import { randomAndLoss } from './random-and-loss.ts';
import { reduction } from './reduction.ts';
import { reshapes } from './reshaping.ts';
import { resizing } from './resizing.ts';
import { shapeArithmetic } from './shape-arithmetic.ts';

export const OP_RULES: { readonly [Op in OpType]: OpRule } = {
  ...convolution,
  ...matmul,
  ...pooling,
  ...normalization,
  ...activation,
  ...arithmetic,
  ...reduction,
  ...movement,
  ...reshapes,
  ...indexing,
  ...shapeArithmetic,
  ...quantization,
  ...resizing,
  ...randomAndLoss,
};

/** The operator's type if it is a standard one that Skein has rules for. */
export function knownOpType(node: Node): OpType | undefined {
  return node.domain === '' && Object.hasOwn(OP_RULES, node.opType) ? (node.opType as OpType) : undefined;
}

export function ruleOf(node: Node): OpRule | undefined {
  const type = knownOpType(node);
  return type && OP_RULES[type];
}
