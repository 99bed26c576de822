/** Little-endian fields one behind the other: written without knowing the end, read without going beyond it. */
export class FieldWriter {
  readonly chunks: Uint8Array[] = [];
  byteLength = 0;

  number(value: number, bytes: 1 | 2 | 4): void {
    this.bytes(Uint8Array.from({ length: bytes }, (_, i) => value / 2 ** (8 * i)));
  }

  bytes(bytes: Uint8Array): void {
    this.chunks.push(bytes);
    this.byteLength += bytes.length;
  }
}

export class FieldReader {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** @throws Error at the end */
  number(bytes: 1 | 2 | 4): number {
    return this.bytes(bytes).reduceRight((value, byte) => 256 * value + byte, 0);
  }

  /** A view. @throws Error at the end */
  bytes(length: number): Uint8Array {
    if (length > this.left) throw new Error(`a field of ${length} bytes goes beyond the end of the file`);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}
