/** One coded tensor of a `.skz` file as bytes: docs/skz-format.md says what each field is. */
import type { FieldReader, FieldWriter } from './byte-fields.ts';
import { type CodedTensor, LARGEST_CODEBOOK, MOST_INDEX_BITS, type SymbolStream } from './coded-tensor.ts';
import { problemOf } from './huffman-code.ts';

export interface TensorRecord {
  readonly name: string;
  readonly dims: readonly number[];
  readonly tensor: CodedTensor;
}

export function writeRecord(to: FieldWriter, { name, dims, tensor }: TensorRecord): void {
  const text = new TextEncoder().encode(name);
  to.number(text.length, 2);
  to.bytes(text);
  to.number(dims.length, 1);
  for (const dim of dims) to.number(dim, 4);
  to.number(tensor.indexBits, 1);
  to.number(tensor.codebook.length, 2);
  for (const value of tensor.codebook) to.number(value, 4);
  to.number(tensor.entries, 4);
  writeStream(to, tensor.codes);
  if (tensor.gaps !== undefined) writeStream(to, tensor.gaps);
}

function writeStream(to: FieldWriter, { lengths, bytes }: SymbolStream): void {
  to.number(lengths.length, 2);
  to.bytes(
    Uint8Array.from(
      { length: Math.ceil(lengths.length / 2) },
      (_, i) => at(lengths, 2 * i) + 16 * at(lengths, 2 * i + 1),
    ),
  );
  to.number(bytes.length, 4);
  to.bytes(bytes);
}

function at(lengths: Uint8Array, i: number): number {
  return lengths[i] ?? 0;
}

/** @throws Error saying which field is impossible; the streams themselves are not looked at */
export function readRecord(from: FieldReader): TensorRecord {
  const name = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(from.bytes(from.number(2)));
  const within = <T>(read: () => T): T => {
    try {
      return read();
    } catch (error) {
      throw new Error(`tensor '${name}': ${(error as Error).message}`);
    }
  };
  return within(() => {
    const dims = Array.from({ length: from.number(1) }, () => from.number(4));
    const indexBits = from.number(1);
    if (indexBits > MOST_INDEX_BITS)
      throw new Error(`its positions have ${indexBits} bits, ${MOST_INDEX_BITS} at most`);
    const size = from.number(2);
    if (size > LARGEST_CODEBOOK) throw new Error(`its codebook has ${size} values, ${LARGEST_CODEBOOK} at most`);
    const codebook = Uint32Array.from({ length: size }, () => from.number(4));
    const entries = from.number(4);
    const codes = readStream(from, size + 1, entries);
    const gaps = indexBits === 0 ? undefined : readStream(from, 2 ** indexBits, entries);
    const elements = dims.reduce((product, dim) => product * dim, 1);
    const most = indexBits === 0 ? entries : (entries + 1) * 2 ** indexBits - 1;
    // Dimensions that overflow and a 0 make NaN, which no bound holds back unless it says so itself.
    if (!(elements <= most && entries <= elements)) {
      throw new Error(`its shape has ${elements} elements, which ${entries} entries cannot stand for`);
    }
    return { name, dims, tensor: { indexBits, codebook, entries, codes, gaps } };
  });
}

function readStream(from: FieldReader, alphabet: number, entries: number): SymbolStream {
  const count = from.number(2);
  if (count > alphabet) throw new Error(`its code table has ${count} symbols, ${alphabet} at most`);
  const packed = from.bytes(Math.ceil(count / 2));
  if (count % 2 === 1 && (packed.at(-1) as number) >= 16) throw new Error('its code table does not end in zeros');
  const lengths = Uint8Array.from({ length: count }, (_, i) => ((packed[i >> 1] as number) >> (4 * (i % 2))) & 15);
  const problem = problemOf(lengths);
  if (problem !== undefined) throw new Error(problem);
  const bytes = from.bytes(from.number(4));
  if (entries > 8 * bytes.length) throw new Error(`${bytes.length} bytes cannot hold ${entries} symbols`);
  return { lengths, bytes };
}
