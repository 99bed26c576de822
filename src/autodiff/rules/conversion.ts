/** Gradients of what passes its input on: conversions, copies, dropout. */
import { isInactiveDropout } from '../../ops/index.ts';
import type { DType } from '../../tensor/index.ts';
import type { GradientContext, GradientRule } from '../gradient-rule.ts';

const FLOATS: ReadonlySet<DType> = new Set(['float16', 'bfloat16', 'float32', 'float64']);

/** Whole numbers do not change smoothly: nothing flows through them. */
const cast: GradientRule = ({ t, dy, x, y }) => {
  const [from, to] = [t.dtype(x(0)), t.dtype(y())];
  return [FLOATS.has(from) && FLOATS.has(to) ? t.cast(dy, from) : undefined];
};

/** y = x · mask / (1 − ratio) */
const dropout: GradientRule = (g) => {
  const { t, dy, op } = g;
  if (isInactiveDropout(op)) return [dy];
  if (op.numbers(2) === undefined) t.unknown(g.x(2), 'the value');
  if (g.y(1) === '') t.refuse('it needs its mask as a second output');
  const ratio = op.has(1) ? (op.numbers(1)?.[0] ?? t.unknown(g.x(1), 'the value')) : 0.5;
  return [ratio === 1 ? t.zerosLike(g.x(0)) : g.masked(g.y(1), t.scale(dy, 1 / (1 - ratio)))];
};

export const conversion = {
  Cast: cast,
  CastLike: cast,
  Dropout: dropout,
  Identity: ({ dy }: GradientContext) => [dy],
} as const;
