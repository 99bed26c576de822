/** What every kind of data source gives: its splits, and the labelled images of one of them before any decoding. */
import type { ImageShape } from './preprocessing.ts';

export interface Source {
  /** In alphabetical order; empty where the source knows no splits. */
  readonly splits: readonly string[];
  /** @param split one of `splits`, undefined where there are none */
  open(split: string | undefined): Promise<Examples>;
}

export interface Examples {
  /** The label is the index in here. */
  readonly classNames: readonly string[];
  readonly labels: Int32Array;
  readonly images: ImageFiles | ImagePixels;
  /** Image i for messages: a path, or a place in a file. */
  name(i: number): string;
  /** Ends what makes the images, where there is something. */
  close?(): Promise<void>;
}

/** Images as files that have to be decoded. */
export interface ImageFiles {
  readonly kind: 'files';
  /** The file's bytes, read at once where they are not in memory. */
  bytes(i: number): Uint8Array;
  read(i: number): Promise<Uint8Array>;
  sizeBytes(i: number): Promise<number>;
}

/** Images that are pixels already, all of one shape. */
export interface ImagePixels {
  readonly kind: 'pixels';
  readonly shape: ImageShape;
  /** C×H×W bytes. */
  pixels(i: number): Uint8Array;
  /** Many at once on other threads, where making them takes time. */
  make?(indices: readonly number[]): Promise<Uint8Array[]>;
}

/** `examples` reduced to these indices, in this order. */
export function selectExamples(examples: Examples, indices: ArrayLike<number>): Examples {
  const { images } = examples;
  const at = (i: number) => indices[i] as number;
  return {
    classNames: examples.classNames,
    labels: Int32Array.from(indices, (index) => examples.labels[index] as number),
    images:
      images.kind === 'files'
        ? {
            kind: 'files',
            bytes: (i) => images.bytes(at(i)),
            read: (i) => images.read(at(i)),
            sizeBytes: (i) => images.sizeBytes(at(i)),
          }
        : {
            kind: 'pixels',
            shape: images.shape,
            pixels: (i) => images.pixels(at(i)),
            ...(images.make !== undefined && { make: (of) => images.make?.(of.map(at)) ?? Promise.resolve([]) }),
          },
    name: (i) => examples.name(at(i)),
    ...(examples.close !== undefined && { close: () => examples.close?.() ?? Promise.resolve() }),
  };
}
