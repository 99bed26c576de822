/**
 * A float32 tensor of few different values ↔ a codebook and Huffman-coded streams. Values are told apart by their bits, so
 * that what comes out is what went in, −0 and NaN included; +0 has the code 0 and no place in the codebook.
 */

import { wordLengths } from './huffman-code.ts';
import { placeEntries, sparseEntries } from './sparse-positions.ts';
import { decodeSymbols, encodeSymbols, streamBits } from './symbol-stream.ts';

/** Values of a codebook; with zero, codes fit 12 bits. */
export const LARGEST_CODEBOOK = 4095;
export const MOST_INDEX_BITS = 8;

export interface SymbolStream {
  readonly lengths: Uint8Array;
  readonly bytes: Uint8Array;
}

export interface CodedTensor {
  /** 0 where every element has a code, else the bits of a position: only what is not zero has one. */
  readonly indexBits: number;
  /** The bits of the values of the codes from 1 on. */
  readonly codebook: Uint32Array;
  readonly entries: number;
  readonly codes: SymbolStream;
  /** Of a sparse tensor. */
  readonly gaps: SymbolStream | undefined;
}

/** What a tensor takes, for reports; bits without those that fill up a byte. */
export interface CodedSize {
  readonly nonZeros: number;
  readonly entries: number;
  readonly codebookSize: number;
  readonly indexBits: number;
  readonly codeBits: number;
  readonly gapBits: number;
}

/**
 * Codes a tensor in the smaller of the two ways; undefined where it has more different values than a codebook holds.
 * @param bits of its elements @param indexBits of a position, 1 to 8
 */
export function encodeTensor(
  bits: Uint32Array,
  indexBits: number,
): { tensor: CodedTensor; size: CodedSize } | undefined {
  const book = codebookOf(bits);
  if (book === undefined) return undefined;
  const { codebook, codes, nonZeros } = book;
  const symbols = codebook.length + 1;
  const sparse = sparseEntries(codes, indexBits);
  const [dense, of, gaps] = [
    planOf(codes, symbols),
    planOf(sparse.codes, symbols),
    planOf(sparse.gaps, 2 ** indexBits),
  ];
  const isSparse = of.bits + gaps.bits + 4 * 2 ** indexBits < dense.bits;
  const chosen = isSparse ? of : dense;
  const tensor: CodedTensor = {
    indexBits: isSparse ? indexBits : 0,
    codebook,
    entries: chosen.symbols.length,
    codes: streamOf(chosen),
    gaps: isSparse ? streamOf(gaps) : undefined,
  };
  const size = {
    nonZeros,
    entries: tensor.entries,
    codebookSize: codebook.length,
    indexBits: tensor.indexBits,
    codeBits: chosen.bits,
    gapBits: isSparse ? gaps.bits : 0,
  };
  return { tensor, size };
}

interface StreamPlan {
  readonly symbols: Uint16Array;
  readonly lengths: Uint8Array;
  readonly bits: number;
}

function planOf(symbols: Uint16Array, alphabet: number): StreamPlan {
  const counts = new Float64Array(alphabet);
  for (let i = 0; i < symbols.length; i++) {
    const symbol = symbols[i] as number;
    counts[symbol] = (counts[symbol] as number) + 1;
  }
  const lengths = wordLengths(counts);
  let last = lengths.length;
  while (last > 0 && lengths[last - 1] === 0) last--;
  return { symbols, lengths: lengths.subarray(0, last), bits: streamBits(counts, lengths) };
}

function streamOf({ symbols, lengths, bits }: StreamPlan): SymbolStream {
  return { lengths, bytes: encodeSymbols(symbols, lengths, bits) };
}

const SLOTS = 2 ** 14;

/** Code by element, and value by code. */
function codebookOf(bits: Uint32Array): { codebook: Uint32Array; codes: Uint16Array; nonZeros: number } | undefined {
  // Open addressing; a slot holds 1 + the number of the value, in the order of coming.
  const slots = new Uint16Array(SLOTS);
  const values: number[] = [];
  const codes = new Uint16Array(bits.length);
  let nonZeros = 0;
  for (let i = 0; i < bits.length; i++) {
    const value = bits[i] as number;
    if (value === 0) continue;
    nonZeros++;
    let slot = Math.imul(value, 0x9e3779b1) >>> 18;
    while (slots[slot] !== 0 && values[(slots[slot] as number) - 1] !== value) slot = (slot + 1) % SLOTS;
    if (slots[slot] === 0) {
      if (values.length === LARGEST_CODEBOOK) return undefined;
      values.push(value);
      slots[slot] = values.length;
    }
    codes[i] = slots[slot] as number;
  }
  // In the order of the values, so that the file does not depend on where they come first.
  const codebook = Uint32Array.from(values).sort();
  const rank = new Map([...codebook].map((value, i) => [value, i + 1]));
  const ranks = Uint16Array.from([0, ...values.map((value) => rank.get(value) ?? 0)]);
  for (let i = 0; i < codes.length; i++) codes[i] = ranks[codes[i] as number] as number;
  return { codebook, codes, nonZeros };
}

/**
 * The bits of `size` elements.
 * @throws Error saying what is wrong, before anything is made that the streams cannot fill
 */
export function decodeTensor(tensor: CodedTensor, size: number): Uint32Array<ArrayBuffer> {
  const { indexBits, codebook, entries } = tensor;
  const values = Uint32Array.of(0, ...codebook);
  const codes = decodeSymbols(tensor.codes.bytes, tensor.codes.lengths, entries);
  if (tensor.gaps === undefined) {
    const elements = new Uint32Array(size);
    for (let i = 0; i < size; i++) elements[i] = values[codes[i] as number] as number;
    return elements;
  }
  const gaps = decodeSymbols(tensor.gaps.bytes, tensor.gaps.lengths, entries);
  const elements = new Uint32Array(size);
  placeEntries({ gaps, codes }, values, elements, indexBits);
  return elements;
}
