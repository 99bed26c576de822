import { describe, expect, it } from 'vitest';
import { Random } from '../../base/index.ts';
import { placeEntries, sparseEntries } from './sparse-positions.ts';

/** @param places code by place */
function codes(size: number, places: Readonly<Record<number, number>>): Uint16Array {
  const all = new Uint16Array(size);
  for (const [place, code] of Object.entries(places)) all[Number(place)] = code;
  return all;
}

describe('sparseEntries()', () => {
  it("stores the paper's example (figure 2): places 1, 4, 15 in 3 bits take one filler", () => {
    const { gaps, codes: stored } = sparseEntries(codes(16, { 1: 7, 4: 8, 15: 9 }), 3);
    // The figure counts differences (…, 3, 8, 3); a gap is one less.
    expect([...gaps].map((gap) => gap + 1).slice(1)).toEqual([3, 8, 3]);
    expect([...stored]).toEqual([7, 8, 0, 9]);
  });

  it('needs no filler for a gap of 2^b − 1, one for 2^b', () => {
    expect([...sparseEntries(codes(4, { 3: 1 }), 2).gaps]).toEqual([3]);
    expect([...sparseEntries(codes(5, { 4: 1 }), 2).gaps]).toEqual([3, 0]);
    expect([...sparseEntries(codes(5, { 4: 1 }), 2).codes]).toEqual([0, 1]);
  });

  it('spans what lies behind the last weight, so that entries bound the size', () => {
    expect(sparseEntries(new Uint16Array(1000), 8).gaps.length).toBe(3);
    expect(sparseEntries(new Uint16Array(255), 8).gaps.length).toBe(0);
  });
});

describe('placeEntries()', () => {
  const values = Uint32Array.from({ length: 10 }, (_, code) => 100 * code);

  it('is the inverse of sparseEntries()', () => {
    const random = new Random(2);
    for (let bits = 1; bits <= 8; bits++) {
      const all = Uint16Array.from({ length: 3000 }, () => (random.uniform() < 0.02 ? 1 + random.integer(9) : 0));
      const into = new Uint32Array(all.length);
      placeEntries(sparseEntries(all, bits), values, into, bits);
      expect(into).toEqual(Uint32Array.from(all, (code) => 100 * code));
    }
  });

  it('refuses positions beyond the end, and those that leave a span open', () => {
    const entries = { gaps: Uint16Array.of(2, 3), codes: Uint16Array.of(1, 2) };
    expect(() => placeEntries(entries, values, new Uint32Array(6), 2)).toThrow(/beyond/);
    expect(() => placeEntries(entries, values, new Uint32Array(7), 2)).not.toThrow();
    expect(() => placeEntries(entries, values, new Uint32Array(10), 2)).not.toThrow();
    expect(() => placeEntries(entries, values, new Uint32Array(11), 2)).toThrow(/before its end/);
  });
});
