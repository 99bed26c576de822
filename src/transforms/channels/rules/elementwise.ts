/** Operators that work element by element, their inputs broadcast against each other. */
import type { ChannelContext } from '../channel-context.ts';
import type { ChannelBlock, ChannelRole } from '../channel-layout.ts';
import { type ChannelRule, likeFirst } from '../channel-rule.ts';

/** @param roles what a constant operand does for the channels of the others, by its place; the last one goes on */
function elementwise(...roles: readonly [ChannelRole, ...ChannelRole[]]): ChannelRule {
  const roleOf = (i: number): ChannelRole => roles[Math.min(i, roles.length - 1)] as ChannelRole;
  return {
    relate(c) {
      const inputs = [...c.node.inputs.keys()].filter((i) => c.op.has(i));
      const ranks = inputs.map((i) => c.dims(i)?.length);
      if (ranks.includes(undefined)) return;
      // Channels along several axes at once are for rules of movement.
      for (const i of inputs) for (const { axes, atoms } of c.layoutAt(i)) if (axes > 1) c.fix(atoms);
      const rank = Math.max(...ranks.map((each) => each ?? 0));
      const blocks: ChannelBlock[] = [];
      for (let axis = 0; axis < rank; axis++) {
        const atoms = alongAxis(c, inputs, axis - rank, roleOf);
        if (atoms !== undefined) blocks.push({ axis, axes: 1, atoms });
      }
      c.setOutput(0, blocks);
    },
  };
}

/** The atoms of the output along an axis, which is counted from the end (−1 is the last). */
function alongAxis(
  c: ChannelContext,
  inputs: readonly number[],
  fromEnd: number,
  roleOf: (i: number) => ChannelRole,
): Int32Array | undefined {
  const operands = inputs.filter((i) => {
    const dim = c.dims(i)?.at(fromEnd);
    return -fromEnd <= (c.dims(i)?.length ?? 0) && dim !== 1;
  });
  const axisIn = (i: number): number => (c.dims(i)?.length ?? 0) + fromEnd;
  const computed = operands.filter((i) => !c.isConstant(i));
  const followed = computed.some((i) => blockAt(c, i, axisIn(i)) !== undefined);
  // Constants have channels where something else gives them to them.
  if (!followed && computed.length > 0) return undefined;
  const [first, ...others] = operands;
  if (first === undefined) return undefined;
  const stranger = operands.find((i) => !c.isConstant(i) && blockAt(c, i, axisIn(i)) === undefined);
  const reason = stranger === undefined ? undefined : c.reasonOf(stranger);
  const atoms = c.atoms(first, axisIn(first));
  for (const i of others) c.unify(atoms, c.atoms(i, axisIn(i)), reason);
  for (const i of operands) if (c.isConstant(i)) c.role(i, axisIn(i), roleOf(i));
  // Where one operand is not followed, all are fixed, and so is the output.
  return stranger === undefined ? atoms : undefined;
}

function blockAt(c: ChannelContext, i: number, axis: number): ChannelBlock | undefined {
  return c.layoutAt(i).find((block) => block.axes === 1 && block.axis === axis);
}

const pointwise = likeFirst;
const carries = elementwise('statistic');

export const elementwises = {
  Add: elementwise('shift'),
  Sub: elementwise('shift'),
  Sum: elementwise('shift'),
  Mul: elementwise('scale'),
  // A larger divisor makes its channel smaller.
  Div: elementwise('scale', 'statistic'),
  PRelu: carries,
  Max: carries,
  Mean: carries,
  Min: carries,
  Mod: carries,
  Pow: carries,
  Where: carries,
  And: carries,
  Equal: carries,
  Greater: carries,
  GreaterOrEqual: carries,
  Less: carries,
  LessOrEqual: carries,
  Or: carries,
  Xor: carries,
  BitShift: carries,
  BitwiseAnd: carries,
  BitwiseOr: carries,
  BitwiseXor: carries,
  BitwiseNot: pointwise,
  Not: pointwise,
  IsInf: pointwise,
  IsNaN: pointwise,
  Abs: pointwise,
  Acos: pointwise,
  Acosh: pointwise,
  Asin: pointwise,
  Asinh: pointwise,
  Atan: pointwise,
  Atanh: pointwise,
  Ceil: pointwise,
  Cos: pointwise,
  Cosh: pointwise,
  Erf: pointwise,
  Exp: pointwise,
  Floor: pointwise,
  Log: pointwise,
  Neg: pointwise,
  Reciprocal: pointwise,
  Round: pointwise,
  Sign: pointwise,
  Sin: pointwise,
  Sinh: pointwise,
  Sqrt: pointwise,
  Tan: pointwise,
  Celu: pointwise,
  Clip: pointwise,
  Elu: pointwise,
  Gelu: pointwise,
  HardSigmoid: pointwise,
  HardSwish: pointwise,
  LeakyRelu: pointwise,
  Mish: pointwise,
  Relu: pointwise,
  Selu: pointwise,
  Shrink: pointwise,
  Sigmoid: pointwise,
  Softplus: pointwise,
  Softsign: pointwise,
  Swish: pointwise,
  Tanh: pointwise,
  ThresholdedRelu: pointwise,
  Cast: pointwise,
  CastLike: pointwise,
  Identity: pointwise,
  Dropout: pointwise,
  // They look at all channels at once.
  Hardmax: 'opaque',
  LogSoftmax: 'opaque',
  Softmax: 'opaque',
} as const;
