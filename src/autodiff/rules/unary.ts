/** Gradients of the functions of one value, element by element: dx = dy · f′(x), written with y where that is cheaper. */
import type { GradientContext, GradientRule } from '../gradient-rule.ts';
import type { Terms } from '../terms.ts';

const times =
  (slope: (g: GradientContext) => string): GradientRule =>
  (g) => [g.t.mul(g.dy, slope(g))];

const over =
  (inverseSlope: (g: GradientContext) => string): GradientRule =>
  (g) => [g.t.div(g.dy, inverseSlope(g))];

const square = (t: Terms, x: string): string => t.mul(x, x);
/** x² + c */
const squarePlus = (t: Terms, x: string, c: number): string => t.add(square(t, x), t.scalar(c, x));
/** 1 − x² */
const oneMinusSquare = (t: Terms, x: string): string => t.sub(t.scalar(1, x), square(t, x));
const root = (t: Terms, x: string): string => t.op('Sqrt', [x]);

const acos: GradientRule = ({ t, dy, x }) => [t.neg(t.div(dy, root(t, oneMinusSquare(t, x(0)))))];

/** 2/√π · exp(−x²) */
const erf = times(({ t, x }) => t.scale(t.op('Exp', [t.neg(square(t, x(0)))]), 2 / Math.sqrt(Math.PI)));

export const unary = {
  /** 0 at 0, as in PyTorch. */
  Abs: times(({ t, x }) => t.op('Sign', [x(0)])),
  Neg: ({ t, dy }: GradientContext) => [t.neg(dy)],
  Reciprocal: ({ t, dy, y }: GradientContext) => [t.neg(t.mul(dy, square(t, y())))],
  Sqrt: over(({ t, y }) => t.scale(y(), 2)),
  Exp: times(({ y }) => y()),
  Log: over(({ x }) => x(0)),
  Erf: erf,
  Sin: times(({ t, x }) => t.op('Cos', [x(0)])),
  Cos: times(({ t, x }) => t.neg(t.op('Sin', [x(0)]))),
  Tan: times(({ t, y }) => squarePlus(t, y(), 1)),
  Asin: over(({ t, x }) => root(t, oneMinusSquare(t, x(0)))),
  Acos: acos,
  Atan: over(({ t, x }) => squarePlus(t, x(0), 1)),
  Sinh: times(({ t, x }) => t.op('Cosh', [x(0)])),
  Cosh: times(({ t, x }) => t.op('Sinh', [x(0)])),
  Tanh: times(({ t, y }) => oneMinusSquare(t, y())),
  Asinh: over(({ t, x }) => root(t, squarePlus(t, x(0), 1))),
  Acosh: over(({ t, x }) => root(t, squarePlus(t, x(0), -1))),
  Atanh: over(({ t, x }) => oneMinusSquare(t, x(0))),
  Ceil: 'zero',
  Floor: 'zero',
  Round: 'zero',
  Sign: 'zero',
  IsInf: 'zero',
  IsNaN: 'zero',
  Not: 'zero',
  BitwiseNot: 'zero',
} as const;
