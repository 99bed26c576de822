/** Decoded pixels kept by index, up to a number of bytes; what does not fit is decoded again each time. */
const SLAB_IMAGES = 256;

export class PixelCache {
  readonly #imageBytes: number;
  readonly #capacity: number;
  readonly #slabs: (Uint8Array | undefined)[] = [];
  readonly #present: Uint8Array;

  /** Images 0 to as many as fit into `limitBytes` have a place. */
  constructor(images: number, imageBytes: number, limitBytes: number) {
    this.#imageBytes = imageBytes;
    this.#capacity = Math.min(images, Math.floor(limitBytes / imageBytes));
    this.#present = new Uint8Array(this.#capacity);
  }

  get(index: number): Uint8Array | undefined {
    return this.#present[index] === 1 ? this.#place(index) : undefined;
  }

  /** Keeps a copy, if there is a place for it. */
  set(index: number, pixels: Uint8Array): void {
    if (index >= this.#capacity) return;
    this.#place(index).set(pixels);
    this.#present[index] = 1;
  }

  /** Memory is taken a slab at a time, as it is needed. */
  #place(index: number): Uint8Array {
    const number = Math.floor(index / SLAB_IMAGES);
    const inSlab = index - number * SLAB_IMAGES;
    const images = Math.min(SLAB_IMAGES, this.#capacity - number * SLAB_IMAGES);
    this.#slabs[number] ??= new Uint8Array(images * this.#imageBytes);
    return this.#slabs[number].subarray(inSlab * this.#imageBytes, (inSlab + 1) * this.#imageBytes);
  }
}
