/** Gradients of what works on two and more values element by element, with broadcasting. */
import type { GradientContext, GradientRule } from '../gradient-rule.ts';

const add: GradientRule = (g) => g.node.inputs.map((x, i) => (g.needs(i) ? g.t.unbroadcast(g.dy, x) : undefined));

const sub: GradientRule = (g) =>
  g.each(
    () => g.t.unbroadcast(g.dy, g.x(0)),
    () => g.t.neg(g.t.unbroadcast(g.dy, g.x(1))),
  );

const mul: GradientRule = (g) =>
  g.each(
    () => g.t.unbroadcast(g.t.mul(g.dy, g.x(1)), g.x(0)),
    () => g.t.unbroadcast(g.t.mul(g.dy, g.x(0)), g.x(1)),
  );

/** y = a/b: da = dy/b, db = −da · y */
const div: GradientRule = (g) => {
  const { t, dy } = g;
  const quotient = t.div(dy, g.x(1));
  return g.each(
    () => t.unbroadcast(quotient, g.x(0)),
    () => t.neg(t.unbroadcast(t.mul(quotient, g.y()), g.x(1))),
  );
};

/** y = a − b · trunc(a/b), the only kind for floats. */
const mod: GradientRule = (g) => {
  const { t, dy } = g;
  const times = () => t.div(t.sub(g.x(0), g.y()), g.x(1));
  return g.each(
    () => t.unbroadcast(dy, g.x(0)),
    () => t.neg(t.unbroadcast(t.mul(dy, times()), g.x(1))),
  );
};

const mean: GradientRule = (g) => {
  const share = g.t.scale(g.dy, 1 / g.node.inputs.length);
  return g.node.inputs.map((x, i) => (g.needs(i) ? g.t.unbroadcast(share, x) : undefined));
};

/** All that hold the extreme share dy evenly, as with torch.maximum and torch.amax. */
const extreme: GradientRule = (g) => {
  const { t, dy } = g;
  if (g.node.inputs.length === 1) return [dy];
  const holders = g.node.inputs.map((x) => t.op('Equal', [x, g.y()]));
  const share = t.div(dy, t.sum(holders.map((holder) => t.mask(holder, dy))));
  return g.node.inputs.map((x, i) =>
    g.needs(i) ? t.unbroadcast(g.masked(holders[i] as string, share), x) : undefined,
  );
};

/** y = xᵉ. As in PyTorch 0⁰ has slope 0 in x, and 0ᵉ in e. */
const pow: GradientRule = (g) => {
  const { t, dy } = g;
  const [x, exponent] = [g.x(0), t.cast(g.x(1), t.dtype(g.x(0)))];
  return g.each(
    () => t.unbroadcast(t.mul(dy, slopeOfBase(g, exponent)), x),
    () => {
      const zero = t.scalar(0, x);
      const flat = t.op('And', [t.op('Equal', [x, zero]), t.op('GreaterOrEqual', [exponent, zero])]);
      const slope = t.op('Where', [flat, zero, t.mul(g.y(), t.op('Log', [x]))]);
      return t.cast(t.unbroadcast(t.mul(dy, slope), g.x(1)), t.dtype(g.x(1)));
    },
  );
};

/** e · xᵉ⁻¹ */
function slopeOfBase({ t, op, x, y }: GradientContext, exponent: string): string {
  const [e, ...others] = new Set(op.numbers(1));
  if (e === undefined || others.length > 0) {
    const slope = t.mul(exponent, t.op('Pow', [x(0), t.sub(exponent, t.scalar(1, exponent))]));
    return t.op('Where', [t.op('Equal', [exponent, t.scalar(0, exponent)]), t.scalar(0, exponent), slope]);
  }
  if (e === 0 || e === 1) return t.scalar(e, x(0));
  if (e === 2) return t.scale(x(0), 2);
  if (e === 0.5) return t.div(t.scalar(0.5, x(0)), y());
  return t.scale(t.op('Pow', [x(0), t.scalar(e - 1, x(0))]), e);
}

const where: GradientRule = (g) =>
  g.each(
    undefined,
    () => g.t.unbroadcast(g.masked(g.x(0), g.dy), g.x(1)),
    () => g.t.unbroadcast(g.masked(g.t.op('Not', [g.x(0)]), g.dy), g.x(2)),
  );

export const arithmetic = {
  Add: add,
  Sub: sub,
  Mul: mul,
  Div: div,
  Mod: mod,
  Pow: pow,
  Sum: add,
  Mean: mean,
  Max: extreme,
  Min: extreme,
  Where: where,
  And: 'zero',
  Equal: 'zero',
  Greater: 'zero',
  GreaterOrEqual: 'zero',
  Less: 'zero',
  LessOrEqual: 'zero',
  Or: 'zero',
  Xor: 'zero',
  BitShift: 'zero',
  BitwiseAnd: 'zero',
  BitwiseOr: 'zero',
  BitwiseXor: 'zero',
} as const;
