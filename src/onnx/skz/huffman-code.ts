/**
 * Optimal prefix codes of limited length by package-merge (Larmore and Hirschberg 1990), and their canonical form: a code
 * is fully given by the length of each symbol's word. Where the limit does not bind, this is Huffman's code.
 */
import { SkeinError } from '../../base/index.ts';

/** Lengths fit four bits, and a table that decodes a word in one look fits a processor's cache. */
export const LONGEST_WORD = 15;

/** A symbol, or two packages together. */
interface Package {
  readonly weight: number;
  readonly symbol?: number;
  readonly parts?: readonly [Package, Package];
}

/**
 * The length of each symbol's word in bits: 0 for a symbol that does not occur, 1 for the only one that does.
 * @param counts how often each symbol occurs, at most 2^15 of them
 */
export function wordLengths(counts: ArrayLike<number>): Uint8Array {
  const lengths = new Uint8Array(counts.length);
  const symbols: Package[] = [];
  for (let symbol = 0; symbol < counts.length; symbol++) {
    const weight = counts[symbol] ?? 0;
    if (weight > 0) symbols.push({ weight, symbol });
  }
  symbols.sort((a, b) => a.weight - b.weight);
  if (symbols.length > 2 ** LONGEST_WORD) {
    throw new SkeinError('internal', `A code has at most ${2 ** LONGEST_WORD} symbols, received ${symbols.length}`);
  }
  if (symbols.length < 2) {
    for (const { symbol } of symbols) lengths[symbol as number] = 1;
    return lengths;
  }
  let row: readonly Package[] = symbols;
  for (let level = 1; level < LONGEST_WORD; level++) row = merged(symbols, pairs(row));
  // A symbol's word is as long as the number of chosen packages that it is in.
  const chosen = row.slice(0, 2 * symbols.length - 2);
  for (let at = chosen.pop(); at !== undefined; at = chosen.pop()) {
    if (at.parts !== undefined) chosen.push(...at.parts);
    else lengths[at.symbol as number] = (lengths[at.symbol as number] as number) + 1;
  }
  return lengths;
}

function pairs(row: readonly Package[]): Package[] {
  const made: Package[] = [];
  for (let i = 0; i + 1 < row.length; i += 2) {
    const [a, b] = [row[i] as Package, row[i + 1] as Package];
    made.push({ weight: a.weight + b.weight, parts: [a, b] });
  }
  return made;
}

/** Both in the order of their weights, as they are. */
function merged(a: readonly Package[], b: readonly Package[]): Package[] {
  const all: Package[] = [];
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    const [left, right] = [a[i], b[j]];
    if (right === undefined || (left !== undefined && left.weight <= right.weight)) {
      all.push(left as Package);
      i++;
    } else {
      all.push(right);
      j++;
    }
  }
  return all;
}

/**
 * The word of each symbol that occurs, as a number of so many bits: words in the order of length, then symbol, count
 * upwards from zero (RFC 1951, 3.2.2).
 */
export function canonicalWords(lengths: Uint8Array): Uint16Array {
  const next = firstWords(lengths);
  const words = new Uint16Array(lengths.length);
  for (const [symbol, length] of lengths.entries()) {
    if (length === 0) continue;
    const word = next[length] as number;
    words[symbol] = word;
    next[length] = word + 1;
  }
  return words;
}

/** The first word of each length. */
function firstWords(lengths: Uint8Array): Uint32Array {
  const perLength = new Uint32Array(LONGEST_WORD + 1);
  for (const length of lengths) if (length > 0) perLength[length] = (perLength[length] as number) + 1;
  const first = new Uint32Array(LONGEST_WORD + 2);
  for (let length = 1; length <= LONGEST_WORD; length++) {
    first[length + 1] = ((first[length] as number) + (perLength[length] as number)) * 2;
  }
  return first;
}

/** What is wrong with a table of lengths; undefined where it is a whole code, the code of one symbol, or empty. */
export function problemOf(lengths: Uint8Array): string | undefined {
  let [used, filled] = [0, 0];
  for (const length of lengths) {
    if (length === 0) continue;
    used++;
    filled += 2 ** (LONGEST_WORD - length);
  }
  const whole = 2 ** LONGEST_WORD;
  if (filled > whole) return 'its code table has more words than there can be';
  if (filled === whole || used === 0) return undefined;
  return used === 1 && filled === whole / 2 ? undefined : 'its code table leaves words without a meaning';
}
