import { describe, expect, it } from 'vitest';
import { Random } from '../../base/index.ts';
import { wordLengths } from './huffman-code.ts';
import { decodeSymbols, encodeSymbols, streamBits } from './symbol-stream.ts';

// A 0, B 10, C 11.
const LENGTHS = Uint8Array.of(1, 2, 2);

describe('encodeSymbols()', () => {
  it('writes the first bit into the highest of the byte, and zeros at the end', () => {
    const counts = [1, 2, 2];
    expect(streamBits(counts, LENGTHS)).toBe(9);
    // C B A C B: 11 10 0 11 1|0
    expect([...encodeSymbols(Uint16Array.of(2, 1, 0, 2, 1), LENGTHS, 9)]).toEqual([0b11100111, 0]);
  });
});

describe('decodeSymbols()', () => {
  it('gives back what was encoded, for words of every length', () => {
    const random = new Random(8);
    for (const symbols of [1, 2, 3, 17, 256, 4096]) {
      const drawn = Uint16Array.from({ length: 5000 }, () => Math.floor(symbols * random.uniform() ** 5));
      const counts = new Float64Array(symbols);
      for (const symbol of drawn) counts[symbol] = (counts[symbol] as number) + 1;
      const lengths = wordLengths(counts);
      const bits = streamBits(counts, lengths);
      const bytes = encodeSymbols(drawn, lengths, bits);
      expect(bytes.length).toBe(Math.ceil(bits / 8));
      expect(decodeSymbols(bytes, lengths, drawn.length)).toEqual(drawn);
    }
  });

  it('refuses a stream that is too short, too long, or does not end in zeros', () => {
    expect(() => decodeSymbols(Uint8Array.of(0b11100111), LENGTHS, 5)).toThrow(/ends early/);
    expect(() => decodeSymbols(Uint8Array.of(0b11100111, 0, 0), LENGTHS, 5)).toThrow(/goes on/);
    expect(() => decodeSymbols(Uint8Array.of(0b11100111, 1), LENGTHS, 5)).toThrow(/zeros/);
    expect(() => decodeSymbols(Uint8Array.of(0), LENGTHS, 0)).toThrow(/goes on/);
    expect([...decodeSymbols(new Uint8Array(0), new Uint8Array(0), 0)]).toEqual([]);
  });

  it('refuses more symbols than there are bits without making room for them', () => {
    expect(() => decodeSymbols(Uint8Array.of(0), Uint8Array.of(1), 4e9)).toThrow(/cannot hold 4000000000/);
  });

  it('refuses words without a meaning, and tables that are none', () => {
    expect(() => decodeSymbols(Uint8Array.of(0b01000000), Uint8Array.of(1), 3)).toThrow(/without a meaning/);
    expect(() => decodeSymbols(Uint8Array.of(0), new Uint8Array(4), 3)).toThrow(/without a meaning/);
    expect(() => decodeSymbols(Uint8Array.of(0), Uint8Array.of(1, 1, 1), 3)).toThrow(/more words/);
  });
});
