/**
 * HPACK (RFC 7541) as far as a client needs it that offers no dynamic table: header blocks of literals out, and of what
 * comes in the fields that gRPC speaks through. Fields of the static table other than `:status` are left out.
 */

/** `:status` in the static table (RFC 7541, appendix A). */
const STATUS_INDEX = 8;
const STATUSES = ['200', '204', '206', '304', '400', '404', '500'];
const STATIC_FIELDS = 61;

/** Length in bits of the Huffman code of each byte and of the end, in base 36 (RFC 7541, appendix B). */
const CODE_LENGTHS =
  'dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6cad67777777777777777777777878djde6f56565666577666567655677777fb' +
  'edskmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmolmnnllmlnmnnkmmmnmmnqqkjmnmpqqqrrqopjlqrrqrollqqsrrrkoklmllnmmppooqnqrqqrrrrrs' +
  'rrrrrqu';

/** The code is canonical: symbols in the order of their lengths, then of their values, have consecutive codes. */
const SYMBOLS = Array.from(CODE_LENGTHS, (digit, symbol) => ({ symbol, length: Number.parseInt(digit, 36) })).sort(
  (a, b) => a.length - b.length || a.symbol - b.symbol,
);
const FIRST_SYMBOL: number[] = [];
const FIRST_CODE: number[] = [];
for (let length = 1, code = 0, at = 0; length <= 30; length++) {
  FIRST_SYMBOL[length] = at;
  FIRST_CODE[length] = code;
  while (SYMBOLS[at]?.length === length) {
    at++;
    code++;
  }
  code <<= 1;
}

/** A header block whose fields are literals that enter no table. */
export function encodeHeaders(fields: Readonly<Record<string, string>>): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of Object.entries(fields)) {
    parts.push(Buffer.of(0), encodeString(name), encodeString(value));
  }
  return Buffer.concat(parts);
}

function encodeString(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  const prefix: number[] = [];
  let rest = bytes.length;
  if (rest < 127) prefix.push(rest);
  else {
    prefix.push(127);
    for (rest -= 127; rest >= 128; rest >>= 7) prefix.push((rest & 127) | 128);
    prefix.push(rest);
  }
  return Buffer.concat([Buffer.from(prefix), bytes]);
}

/** @throws Error if the block is damaged or refers to a table that was not offered */
export function decodeHeaders(block: Uint8Array): Map<string, string> {
  const reader = new BlockReader(block);
  const fields = new Map<string, string>();
  while (!reader.atEnd) {
    const kind = reader.peek();
    if (kind >= 0x80) {
      const index = reader.integer(7);
      if (index === 0 || index > STATIC_FIELDS) throw new Error('HPACK: no such field in the static table');
      const status = STATUSES[index - STATUS_INDEX];
      if (status !== undefined) fields.set(':status', status);
    } else if (kind >= 0x20 && kind < 0x40) reader.integer(5);
    else {
      const index = reader.integer(kind >= 0x40 ? 6 : 4);
      const name = index === 0 ? reader.string() : STATUSES[index - STATUS_INDEX] === undefined ? '' : ':status';
      const value = reader.string();
      if (name !== '') fields.set(name, value);
    }
  }
  return fields;
}

class BlockReader {
  readonly #block: Uint8Array;
  #at = 0;

  constructor(block: Uint8Array) {
    this.#block = block;
  }

  get atEnd(): boolean {
    return this.#at >= this.#block.length;
  }

  peek(): number {
    return this.#block[this.#at] ?? 0;
  }

  /** An integer whose first `bits` bits end the byte at hand (RFC 7541, section 5.1). */
  integer(bits: number): number {
    const mask = (1 << bits) - 1;
    let value = this.#byte() & mask;
    if (value < mask) return value;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#byte();
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
      if (shift > 28) throw new Error('HPACK: an integer is too large');
    }
  }

  string(): string {
    const huffman = this.peek() >= 0x80;
    const length = this.integer(7);
    const end = this.#at + length;
    if (end > this.#block.length) throw new Error('HPACK: a string is cut off');
    const bytes = this.#block.subarray(this.#at, end);
    this.#at = end;
    return huffman ? decodeHuffman(bytes) : Buffer.from(bytes).toString('latin1');
  }

  #byte(): number {
    const byte = this.#block[this.#at++];
    if (byte === undefined) throw new Error('HPACK: the block is cut off');
    return byte;
  }
}

function decodeHuffman(bytes: Uint8Array): string {
  let text = '';
  let code = 0;
  let length = 0;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      code = (code << 1) | ((byte >> bit) & 1);
      length++;
      const at = (FIRST_SYMBOL[length] as number) + code - (FIRST_CODE[length] as number);
      const found = SYMBOLS[at];
      if (found?.length !== length) continue;
      text += String.fromCharCode(found.symbol);
      code = 0;
      length = 0;
    }
  }
  // What is left is padding: fewer than 8 bits, the beginning of the end's code.
  return text;
}
