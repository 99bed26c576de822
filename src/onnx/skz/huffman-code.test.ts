import { describe, expect, it } from 'vitest';
import { Random } from '../../base/index.ts';
import { canonicalWords, LONGEST_WORD, problemOf, wordLengths } from './huffman-code.ts';

const bitsOf = (counts: readonly number[], lengths: Uint8Array): number =>
  counts.reduce((sum, count, i) => sum + count * (lengths[i] as number), 0);

/** The cost of Huffman's own construction: each step costs the weight of what it joins. */
function huffmanBits(counts: readonly number[]): number {
  const queue = counts.filter((count) => count > 0);
  let bits = 0;
  while (queue.length > 1) {
    queue.sort((a, b) => b - a);
    const joined = (queue.pop() as number) + (queue.pop() as number);
    bits += joined;
    queue.push(joined);
  }
  return bits;
}

describe('wordLengths()', () => {
  it("gives the lengths of the textbook's example (Cormen et al., figure 16.3: 224 thousand bits)", () => {
    const lengths = wordLengths([45, 13, 12, 16, 9, 5]);
    expect([...lengths]).toEqual([1, 3, 3, 3, 4, 4]);
    expect(bitsOf([45, 13, 12, 16, 9, 5], lengths)).toBe(224);
  });

  it('is as short as Huffman codes, and within a bit of the entropy', () => {
    const random = new Random(3);
    for (let round = 0; round < 50; round++) {
      const counts = Array.from({ length: 2 + random.integer(300) }, () => 10 + random.integer(1000));
      counts.splice(random.integer(counts.length), 0, 0);
      const lengths = wordLengths(counts);
      const total = counts.reduce((a, b) => a + b);
      const entropy = counts.reduce((sum, n) => sum - (n > 0 ? n * Math.log2(n / total) : 0), 0);
      expect(problemOf(lengths)).toBeUndefined();
      expect(bitsOf(counts, lengths)).toBe(huffmanBits(counts));
      expect(bitsOf(counts, lengths)).toBeGreaterThanOrEqual(entropy - 1e-6);
      expect(bitsOf(counts, lengths)).toBeLessThan(entropy + total);
    }
  });

  it('keeps to the limit where Huffman would not: counts of Fibonacci', () => {
    const counts = [1, 1];
    while (counts.length < 30) counts.push((counts.at(-1) as number) + (counts.at(-2) as number));
    const lengths = wordLengths(counts);
    expect(Math.max(...lengths)).toBe(LONGEST_WORD);
    expect(problemOf(lengths)).toBeUndefined();
    expect(bitsOf(counts, lengths)).toBeGreaterThan(huffmanBits(counts));
  });

  it('gives a lone symbol one bit, and none to what does not occur', () => {
    expect([...wordLengths([0, 0, 7])]).toEqual([0, 0, 1]);
    expect([...wordLengths([0, 0])]).toEqual([0, 0]);
    expect([...wordLengths([])]).toEqual([]);
  });
});

it('canonicalWords() are those of the example in RFC 1951, section 3.2.2', () => {
  const words = canonicalWords(Uint8Array.of(3, 3, 3, 3, 3, 2, 4, 4));
  expect([...words]).toEqual([0b010, 0b011, 0b100, 0b101, 0b110, 0b00, 0b1110, 0b1111]);
});

describe('problemOf()', () => {
  it('finds tables that have too many words, or too few', () => {
    expect(problemOf(Uint8Array.of(1, 1, 1))).toMatch(/more words/);
    expect(problemOf(Uint8Array.of(1, 2))).toMatch(/without a meaning/);
    expect(problemOf(Uint8Array.of(2))).toMatch(/without a meaning/);
    expect(problemOf(Uint8Array.of(0, 1))).toBeUndefined();
    expect(problemOf(Uint8Array.of(1, 2, 2))).toBeUndefined();
    expect(problemOf(new Uint8Array(9))).toBeUndefined();
  });
});
