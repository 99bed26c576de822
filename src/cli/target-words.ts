/** How much smaller or faster a model is to become, in words. */
import { InvalidArgumentError } from 'commander';

/** A number in the unit of what is aimed at, or a part of what the model has now. */
export type Target = { readonly value: number } | { readonly times: number };

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1e3, M: 1e6, G: 1e9 };

/** Reads '130M', '12.5' or, for a third of what there is, '3x'. */
export function readTarget(text: string): Target {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)\s*(x|k|M|G)?$/.exec(text.trim()) ?? [];
  const value = Number(digits);
  if (!(value > 0) || (unit === 'x' && value < 1)) {
    throw new InvalidArgumentError("Expected a number above 0 (130M), or how many times less ('3x').");
  }
  return unit === 'x' ? { times: value } : { value: value * (UNITS[unit] ?? 1) };
}

/** As `readTarget`, of what is counted in whole numbers: a number below 1 is the part of it that stays. */
export function readCountTarget(text: string): Target {
  const target = readTarget(text);
  return 'value' in target && target.value < 1 ? { times: 1 / target.value } : target;
}

export function resolveTarget(target: Target, now: number): number {
  return 'times' in target ? now / target.times : target.value;
}
