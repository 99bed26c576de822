import { expect, it } from 'vitest';
import { sharingRate, stepBits } from './compression-rate.ts';

it("sharingRate() is that of the paper's example: 16 weights of 32 bits as 4 values, 3.2", () => {
  expect(sharingRate(16, 4)).toBeCloseTo(3.2, 12);
});

const size = {
  weights: 1000,
  kept: 90,
  entries: 100,
  codebook: 31,
  codeBits: 5,
  indexBits: 8,
  sparseBits: 4000,
  bytes: 150,
};
const coded = { huffmanCodeBits: 0, huffmanIndexBits: 0 };

it('stepBits() counts as the paper: floats with positions, codes with positions and codebook, the file', () => {
  expect(stepBits({ ...size, ...coded })).toEqual({
    original: 32_000,
    pruned: 4000,
    shared: 1300 + 992,
    huffman: 1200,
  });
});

it('stepBits() never gives a step more than the floats have', () => {
  const raw = { ...size, ...coded, entries: 1000, codeBits: 32, indexBits: 0, sparseBits: 40_000, bytes: 4000 };
  expect(stepBits(raw)).toEqual({ original: 32_000, pruned: 32_000, shared: 32_000, huffman: 32_000 });
});
