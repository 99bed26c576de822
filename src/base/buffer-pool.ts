/**
 * Buffers for batches, used again instead of being left to the garbage collector: a batch of 32 images is 400 KB, a
 * hundred times a second. Sizes are powers of two; what is kept in total is bounded.
 */
const SMALLEST_BYTES = 4096;

export class BufferPool {
  readonly #free = new Map<number, ArrayBuffer[]>();
  readonly #limitBytes: number;
  #keptBytes = 0;

  constructor(limitBytes = 32 * 1024 * 1024) {
    this.#limitBytes = limitBytes;
  }

  /** `length` floats whose contents are undefined. */
  float32(length: number): Float32Array<ArrayBuffer> {
    return new Float32Array(this.#take(length * 4), 0, length);
  }

  /** `length` bytes whose contents are undefined. */
  uint8(length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#take(length), 0, length);
  }

  /** Gives back a buffer that nobody reads any more. Buffers of other sizes are dropped. */
  give(buffer: ArrayBuffer): void {
    const bytes = buffer.byteLength;
    if (bytes < SMALLEST_BYTES || (bytes & (bytes - 1)) !== 0 || this.#keptBytes + bytes > this.#limitBytes) return;
    const free = this.#free.get(bytes);
    if (free === undefined) this.#free.set(bytes, [buffer]);
    else free.push(buffer);
    this.#keptBytes += bytes;
  }

  #take(bytes: number): ArrayBuffer {
    const rounded = Math.max(SMALLEST_BYTES, 2 ** Math.ceil(Math.log2(Math.max(bytes, 1))));
    const kept = this.#free.get(rounded)?.pop();
    if (kept === undefined) return new ArrayBuffer(rounded);
    this.#keptBytes -= rounded;
    return kept;
  }
}
