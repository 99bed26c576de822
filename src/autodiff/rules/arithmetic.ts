/** Gradients of what works element by element, with broadcasting. */
import type { GradientRule } from '../gradient-rule.ts';

const add: GradientRule = (g) => g.node.inputs.map((x, i) => (g.needs(i) ? g.t.unbroadcast(g.dy, x) : undefined));

const sub: GradientRule = (g) =>
  g.each(
    () => g.t.unbroadcast(g.dy, g.x(0)),
    () => g.t.unbroadcast(g.t.neg(g.dy), g.x(1)),
  );

const mul: GradientRule = (g) =>
  g.each(
    () => g.t.unbroadcast(g.t.mul(g.dy, g.x(1)), g.x(0)),
    () => g.t.unbroadcast(g.t.mul(g.dy, g.x(0)), g.x(1)),
  );

const neg: GradientRule = ({ t, dy }) => [t.neg(dy)];

export const arithmetic = {
  Add: add,
  Sub: sub,
  Mul: mul,
  Neg: neg,
  Sum: add,
  Div: 'refused',
  Max: 'refused',
  Mean: 'refused',
  Min: 'refused',
  Mod: 'refused',
  Pow: 'refused',
  Where: 'refused',
  Abs: 'refused',
  Acos: 'refused',
  Acosh: 'refused',
  Asin: 'refused',
  Asinh: 'refused',
  Atan: 'refused',
  Atanh: 'refused',
  Cos: 'refused',
  Cosh: 'refused',
  Erf: 'refused',
  Exp: 'refused',
  Log: 'refused',
  Reciprocal: 'refused',
  Sin: 'refused',
  Sinh: 'refused',
  Sqrt: 'refused',
  Tan: 'refused',
  Ceil: 'zero',
  Floor: 'zero',
  Round: 'zero',
  Sign: 'zero',
  And: 'zero',
  Equal: 'zero',
  Greater: 'zero',
  GreaterOrEqual: 'zero',
  IsInf: 'zero',
  IsNaN: 'zero',
  Less: 'zero',
  LessOrEqual: 'zero',
  Not: 'zero',
  Or: 'zero',
  Xor: 'zero',
  BitShift: 'zero',
  BitwiseAnd: 'zero',
  BitwiseNot: 'zero',
  BitwiseOr: 'zero',
  BitwiseXor: 'zero',
} as const;
