/** Symbols ↔ the words of a canonical code, one behind the other, the first bit of each byte being its highest. */
import { canonicalWords, problemOf } from './huffman-code.ts';

/** How many bits the symbols take. */
export function streamBits(counts: ArrayLike<number>, lengths: Uint8Array): number {
  let bits = 0;
  for (const [symbol, length] of lengths.entries()) bits += (counts[symbol] ?? 0) * length;
  return bits;
}

/** @param bits that the words take together; what is left of the last byte is zeros */
export function encodeSymbols(symbols: Uint16Array, lengths: Uint8Array, bits: number): Uint8Array {
  const words = canonicalWords(lengths);
  const bytes = new Uint8Array(Math.ceil(bits / 8));
  let [buffer, filled, at] = [0, 0, 0];
  for (let i = 0; i < symbols.length; i++) {
    const symbol = symbols[i] as number;
    const length = lengths[symbol] as number;
    // At most 7 bits wait, and 15 come.
    buffer = (buffer << length) | (words[symbol] as number);
    filled += length;
    while (filled >= 8) {
      filled -= 8;
      bytes[at++] = buffer >>> filled;
    }
    buffer &= (1 << filled) - 1;
  }
  if (filled > 0) bytes[at] = buffer << (8 - filled);
  return bytes;
}

/**
 * `count` symbols, by one look into a table for each.
 * @throws Error saying what is wrong: the table is no code, the stream ends early, late or has a word without a meaning
 */
export function decodeSymbols(bytes: Uint8Array, lengths: Uint8Array, count: number): Uint16Array {
  // Before anything of that size is made: no word is shorter than a bit.
  if (count > 8 * bytes.length) throw new Error(`${bytes.length} bytes cannot hold ${count} symbols`);
  const { table, width } = lookUpTable(lengths);
  const symbols = new Uint16Array(count);
  const mask = table.length - 1;
  let [buffer, filled, at] = [0, 0, 0];
  for (let i = 0; i < count; i++) {
    while (filled < width) {
      // Behind the end come zeros; whether they were needed is checked below. At most 22 bits are of interest.
      buffer = (buffer << 8) | (at < bytes.length ? (bytes[at] as number) : 0);
      at++;
      filled += 8;
    }
    const entry = table[(buffer >>> (filled - width)) & mask] as number;
    if (entry === 0) throw new Error('its stream has a word without a meaning');
    filled -= entry & 15;
    symbols[i] = entry >>> 4;
  }
  const left = 8 * bytes.length - (8 * at - filled);
  if (left < 0) throw new Error('its stream ends early');
  if (left >= 8) throw new Error('its stream goes on behind the last symbol');
  if (left > 0 && ((bytes.at(-1) as number) & ((1 << left) - 1)) !== 0)
    throw new Error('its stream does not end in zeros');
  return symbols;
}

/** For each `width` bits to come: 16 · symbol + the length of its word; 0 where no word begins so. */
function lookUpTable(lengths: Uint8Array): { table: Uint32Array; width: number } {
  const problem = problemOf(lengths);
  if (problem !== undefined) throw new Error(problem);
  let width = 0;
  for (const length of lengths) width = Math.max(width, length);
  const table = new Uint32Array(2 ** width);
  const words = canonicalWords(lengths);
  for (const [symbol, length] of lengths.entries()) {
    if (length === 0) continue;
    const first = (words[symbol] as number) << (width - length);
    table.fill(16 * symbol + length, first, first + 2 ** (width - length));
  }
  return { table, width };
}
