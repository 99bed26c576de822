/** The bytes of a tensor as both protocols send them. The host is little-endian, as the wire is. */
import type { InferOutput } from './protocol.ts';

/** Floats as they lie in memory (a view); of BYTES each element after its length in 4 bytes. */
export function bytesOf(data: InferOutput['data']): Uint8Array {
  if (data instanceof Float32Array) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const bytes = Buffer.allocUnsafe(data.reduce((size, text) => size + 4 + Buffer.byteLength(text), 0));
  let at = 0;
  for (const text of data) {
    const size = bytes.write(text, at + 4);
    at = bytes.writeUInt32LE(size, at) + size;
  }
  return bytes;
}
