/** What weights take, by the formulas of Han et al. 2016. */

/**
 * Rate of weight sharing alone (equation 1): n·b / (n·log2(k) + k·b).
 * @param n weights @param k shared values @param b bits of a weight
 */
export function sharingRate(n: number, k: number, b = 32): number {
  return (n * b) / (n * Math.log2(k) + k * b);
}

/** One layer, or all of them together: a row of the paper's tables 4 and 5. */
export interface LayerSize {
  /** Weights. */
  readonly weights: number;
  /** Of them, not zero. */
  readonly kept: number;
  /** Stored: what is kept, and fillers. */
  readonly entries: number;
  /** Values in the codebook. */
  readonly codebook: number;
  /** Bits of a code and of a position, before Huffman coding; a position has none where the file stores every weight. */
  readonly codeBits: number;
  readonly indexBits: number;
  /** Floats and their positions take so many bits where only what is kept is stored. */
  readonly sparseBits: number;
  /** Bits of all codes and all positions after Huffman coding. */
  readonly huffmanCodeBits: number;
  readonly huffmanIndexBits: number;
  /** All that the file has of it, code tables and codebook included. */
  readonly bytes: number;
}

/** Bits that the layer takes after each step. */
export interface StepBits {
  readonly original: number;
  /** Floats with positions. */
  readonly pruned: number;
  /** Codes with positions, and the codebook. */
  readonly shared: number;
  /** What lies in the file. */
  readonly huffman: number;
}

export function stepBits({ weights, entries, codebook, codeBits, indexBits, sparseBits, bytes }: LayerSize): StepBits {
  const original = 32 * weights;
  return {
    original,
    pruned: Math.min(original, sparseBits),
    shared: Math.min(original, entries * (codeBits + indexBits) + 32 * codebook),
    huffman: 8 * bytes,
  };
}
