/**
 * Element-wise mathematics, comparison and logic, broadcast as in NumPy. Evaluated is what every machine gives alike: exact
 * integers, and + − × ÷ and rounding of floats. Roots, exp, log and their like are left to the engine, whose vector code
 * may differ in the last bit, and so are largest and smallest of floats, for the signs of their zeros.
 */
import type { DType } from '../tensor/index.ts';
import { elementCount } from '../tensor/index.ts';
import { broadcast, isKnown } from './dims.ts';
import {
  advance,
  asElement,
  broadcastPosition,
  type Element,
  INTEGER_TYPES,
  type KnownValue,
  LARGEST_KNOWN,
  stridesOf,
} from './known-value.ts';
import type { OpContext } from './op-context.ts';
import { likeFirst, type OpRule, rule, typed } from './op-rule.ts';

/** One element of the result; `integer` says whether the operands are integers. Undefined where it cannot be said. */
type Combine = (operands: readonly Element[], integer: boolean) => Element;

/** Applies `combine` at each index of the broadcast inputs. */
export function combined(op: OpContext, combine: Combine, dtype?: DType): readonly (KnownValue | undefined)[] {
  const values = op.node.inputs.map((_, i) => op.value(i));
  const known: KnownValue[] = [];
  for (const value of values) {
    if (value === undefined) return [];
    known.push(value);
  }
  const dims = broadcast(known.map((value) => value.dims));
  const first = known[0];
  if (dims === undefined || dims === null || !isKnown(dims) || first === undefined) return [];
  const count = elementCount(dims);
  if (count > LARGEST_KNOWN) return [];
  const strides = known.map((value) => stridesOf(value.dims));
  const result = dtype ?? first.dtype;
  const integer = INTEGER_TYPES.has(first.dtype);
  const elements: Element[] = [];
  const index = dims.map(() => 0);
  for (let i = 0; i < count; i++) {
    const operands = known.map((value, k) => value.elements[broadcastPosition(index, value.dims, strides[k] ?? [])]);
    const element = combine(operands, integer);
    elements.push(typeof element === 'number' ? asElement(result, element) : element);
    advance(index, dims);
  }
  return [{ dtype: result, dims, elements }];
}

/** A combination of numbers only: symbols and integers too large to be exact give unknown. */
function numeric(compute: (...numbers: number[]) => number | undefined): Combine {
  return (operands, integer) => {
    if (!operands.every((operand) => typeof operand === 'number')) return undefined;
    const result = compute(...(operands as number[]));
    return integer && result !== undefined && !Number.isSafeInteger(result) ? undefined : result;
  };
}

function ofIntegers(combine: Combine): Combine {
  return (operands, integer) => (integer ? combine(operands, integer) : undefined);
}

/** Like `numeric`, but where the other operand is `neutral`, a symbol stays as it is. */
function withNeutral(
  compute: (a: number, b: number, integer: boolean) => number | undefined,
  neutral: number,
  sides: 'both' | 'right',
): Combine {
  return (operands, integer) => {
    const [a, b] = operands;
    if (typeof a === 'string' && b === neutral) return a;
    if (sides === 'both' && typeof b === 'string' && a === neutral) return b;
    return numeric((x = 0, y = 0) => compute(x, y, integer))(operands, integer);
  };
}

/** Whether two elements are equal. A symbol stands for a dimension, so it is no negative number. */
const equality: Combine = ([a, b]) => {
  if (a === undefined || b === undefined) return undefined;
  if (typeof a !== 'string' && typeof b !== 'string') return Number(a) === Number(b) && typeof a === typeof b ? 1 : 0;
  if (a === b) return 1;
  const other = typeof a === 'string' ? b : a;
  return typeof other === 'number' && other < 0 ? 0 : undefined;
};

function quotient(a: number, b: number, integer: boolean): number | undefined {
  if (!integer) return a / b;
  return b === 0 ? undefined : Math.trunc(a / b);
}

/** Mod with the sign of the divisor, or of the dividend if fmod is set, as ONNX has it. */
function remainder(a: number, b: number, fmod: boolean): number | undefined {
  if (b === 0) return undefined;
  const rest = a % b;
  return fmod || rest === 0 || rest < 0 === b < 0 ? rest : rest + b;
}

function binary(combine: Combine): OpRule {
  return rule((op) => [typed(op.dtype(0), op.broadcastInputs())], { evaluate: (op) => combined(op, combine) });
}

function comparison(combine: Combine): OpRule {
  return rule((op) => [typed('bool', op.broadcastInputs())], { evaluate: (op) => combined(op, combine, 'bool') });
}

function unary(compute?: (x: number) => number | undefined, keepsSymbols = false): OpRule {
  if (compute === undefined) return rule(likeFirst);
  const combine = numeric((x = 0) => compute(x));
  return rule(likeFirst, {
    evaluate: (op) =>
      combined(op, (operands, integer) =>
        keepsSymbols && typeof operands[0] === 'string' ? operands[0] : combine(operands, integer),
      ),
  });
}

/** Where's choice; one that is the same either way needs no condition. */
const picked: Combine = ([condition, yes, no]) => {
  if (typeof condition === 'number') return condition === 0 ? no : yes;
  return yes === no ? yes : undefined;
};

/** Rounds halves to the even neighbour, as ONNX's Round does; what rounds to zero keeps its sign. */
function roundToEven(x: number): number {
  const magnitude = Math.abs(x);
  const floor = Math.floor(magnitude);
  const half = magnitude - floor === 0.5;
  const rounded = half ? floor + (floor % 2) : Math.round(magnitude);
  return x < 0 || Object.is(x, -0) ? -rounded : rounded;
}

const truth = rule((op) => [typed('bool', op.dims(0))]);
const bitwise = rule((op) => [typed(op.dtype(0), op.broadcastInputs())]);

export const arithmetic = {
  Add: binary(withNeutral((a, b) => a + b, 0, 'both')),
  Sub: binary(withNeutral((a, b) => a - b, 0, 'right')),
  Mul: binary(withNeutral((a, b) => a * b, 1, 'both')),
  Div: binary(withNeutral(quotient, 1, 'right')),
  Mod: rule((op) => [typed(op.dtype(0), op.broadcastInputs())], {
    evaluate: (op) => {
      const fmod = op.int('fmod', 0) !== 0;
      return combined(op, ofIntegers(numeric((a = 0, b = 0) => remainder(a, b, fmod))));
    },
  }),
  // Powers of floats are not correctly rounded everywhere: only whole ones of whole numbers are evaluated.
  Pow: rule((op) => [typed(op.dtype(0), op.broadcastInputs())], {
    evaluate: (op) => {
      const whole = op.node.inputs.every((_, i) => INTEGER_TYPES.has(op.value(i)?.dtype ?? 'float32'));
      return whole
        ? combined(
            op,
            numeric((a = 0, b = 0) => (b < 0 ? undefined : a ** b)),
          )
        : [];
    },
  }),
  Max: binary(ofIntegers(numeric((...numbers) => Math.max(...numbers)))),
  Min: binary(ofIntegers(numeric((...numbers) => Math.min(...numbers)))),
  // The engine may add more than two floats in any order.
  Sum: rule((op) => [typed(op.dtype(0), op.broadcastInputs())], {
    evaluate: (op) => {
      const sum = numeric((...all) => all.reduce((a, b) => a + b));
      return combined(op, op.node.inputs.length <= 2 ? sum : ofIntegers(sum));
    },
  }),
  Mean: binary(() => undefined),
  Equal: comparison(equality),
  Greater: comparison(numeric((a = 0, b = 0) => (a > b ? 1 : 0))),
  GreaterOrEqual: comparison(numeric((a = 0, b = 0) => (a >= b ? 1 : 0))),
  Less: comparison(numeric((a = 0, b = 0) => (a < b ? 1 : 0))),
  LessOrEqual: comparison(numeric((a = 0, b = 0) => (a <= b ? 1 : 0))),
  And: comparison(numeric((a = 0, b = 0) => a & b)),
  Or: comparison(numeric((a = 0, b = 0) => a | b)),
  Xor: comparison(numeric((a = 0, b = 0) => a ^ b)),
  Not: unary((x) => 1 - x),
  Abs: unary(Math.abs, true),
  Neg: unary((x) => -x),
  Sign: rule(likeFirst, { evaluate: (op) => combined(op, ofIntegers(numeric((x = 0) => Math.sign(x)))) }),
  Floor: unary(Math.floor, true),
  Ceil: unary(Math.ceil, true),
  Round: unary(roundToEven, true),
  Sqrt: unary(),
  Reciprocal: unary(),
  Exp: unary(),
  Log: unary(),
  Erf: unary(),
  Sin: unary(),
  Cos: unary(),
  Tan: unary(),
  Asin: unary(),
  Acos: unary(),
  Atan: unary(),
  Sinh: unary(),
  Cosh: unary(),
  Asinh: unary(),
  Acosh: unary(),
  Atanh: unary(),
  IsNaN: truth,
  IsInf: truth,
  BitShift: bitwise,
  BitwiseAnd: bitwise,
  BitwiseOr: bitwise,
  BitwiseXor: bitwise,
  BitwiseNot: rule(likeFirst),
  Where: rule((op) => [typed(op.dtype(1) ?? op.dtype(2), op.broadcastInputs())], {
    evaluate: (op) => combined(op, picked, op.value(1)?.dtype),
  }),
};
