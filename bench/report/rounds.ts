/**
 * Measures alternatives in turn, A B, B A, A B …, so that what drifts on the machine (clock speed, neighbours) falls on
 * all of them alike.
 */
import { median } from '../../src/base/index.ts';

export async function inTurn<Name extends string, Value>(
  rounds: number,
  cases: Readonly<Record<Name, () => Promise<Value>>>,
): Promise<Record<Name, Value[]>> {
  const names = Object.keys(cases) as Name[];
  const values = Object.fromEntries(names.map((name) => [name, [] as Value[]])) as Record<Name, Value[]>;
  for (let round = 0; round < rounds; round++) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) values[name].push(await cases[name]());
  }
  return values;
}

/** Median and range. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spread(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/** Of two alternatives round by round, so that both sides of each comparison are neighbours in time. */
export function pairwise(
  ours: readonly number[],
  peer: readonly number[],
  compare: (ours: number, peer: number) => number,
): Spread {
  return spread(ours.map((value, round) => compare(value, peer[round] as number)));
}
