import { expect, it } from 'vitest';
import { sharingRate, stepBits } from './compression-rate.ts';

it("sharingRate() is that of the paper's example: 16 weights of 32 bits as 4 values, 3.2", () => {
  expect(sharingRate(16, 4)).toBeCloseTo(3.2, 12);
});

it('stepBits() counts as the paper: floats with positions, codes with positions and codebook, the file', () => {
  const size = { weights: 1000, kept: 90, entries: 100, codebook: 31, codeBits: 5, indexBits: 8, bytes: 150 };
  const bits = stepBits({ ...size, huffmanCodeBits: 0, huffmanIndexBits: 0 });
  expect(bits).toEqual({ original: 32_000, pruned: 4000, shared: 1300 + 992, huffman: 1200 });
});

it('stepBits() of a layer that is stored as it is stays at its floats', () => {
  const raw = { weights: 10, kept: 10, entries: 10, codebook: 0, codeBits: 32, indexBits: 0, bytes: 40 };
  const bits = stepBits({ ...raw, huffmanCodeBits: 0, huffmanIndexBits: 0 });
  expect(bits).toEqual({ original: 320, pruned: 320, shared: 320, huffman: 320 });
});
