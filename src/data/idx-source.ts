/**
 * IDX files as MNIST and its relatives have them: `<split>-images-idx3-ubyte` beside `<split>-labels-idx1-ubyte`, each
 * perhaps gzipped. `t10k` is the test split. Layout: http://yann.lecun.com/exdb/mnist (big-endian header, then bytes).
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { messageOf, SkeinError } from '../base/index.ts';
import type { Source } from './source.ts';

const IMAGES = /^(.+?)[-_.]images[-.]idx3-ubyte(\.gz)?$/;

/** The source, or undefined where none of the folder's `files` is an IDX file of images. */
export async function idxSource(folder: string, files: readonly string[]): Promise<Source | undefined> {
  const images = new Map<string, string>();
  for (const name of files) {
    const prefix = IMAGES.exec(name)?.[1];
    if (prefix !== undefined) images.set(prefix === 't10k' ? 'test' : prefix, name);
  }
  if (images.size === 0) return undefined;
  return {
    splits: [...images.keys()].sort(),
    async open(split) {
      const name = images.get(split ?? '') as string;
      const labelsName = labelsFile(name, files);
      if (labelsName === undefined) {
        throw new SkeinError(
          'not-found',
          `Cannot read data '${folder}': expected a labels file beside '${name}', found none`,
        );
      }
      const pictures = await readIdx(join(folder, name), 3);
      const labels = await readIdx(join(folder, labelsName), 1);
      const [count, height, width] = pictures.dimensions as [number, number, number];
      if (labels.dimensions[0] !== count) {
        throw new SkeinError(
          'corrupt',
          `Cannot read data '${join(folder, labelsName)}': expected ${count} labels, received ${labels.dimensions[0]}`,
        );
      }
      const classes = labels.data.reduce((most, label) => Math.max(most, label + 1), 10);
      const size = height * width;
      return {
        classNames: Array.from({ length: classes }, (_, label) => `${label}`),
        labels: Int32Array.from(labels.data),
        images: {
          kind: 'pixels',
          shape: [1, height, width],
          pixels: (i) => pictures.data.subarray(i * size, (i + 1) * size),
        },
        name: (i) => `${name} image ${i}`,
      };
    },
  };
}

function labelsFile(images: string, files: readonly string[]): string | undefined {
  const plain = images.replace(/\.gz$/, '').replace('images', 'labels').replace('idx3', 'idx1');
  return [plain, `${plain}.gz`].find((name) => files.includes(name));
}

async function readIdx(file: string, rank: number): Promise<{ dimensions: number[]; data: Uint8Array }> {
  const subject = `Cannot read data '${file}'`;
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
    if (file.endsWith('.gz')) bytes = gunzipSync(bytes);
  } catch (error) {
    throw new SkeinError('corrupt', `${subject}: ${messageOf(error)}`, { cause: error });
  }
  const header = 4 + 4 * rank;
  // Two zeros, type 8 (unsigned byte), number of dimensions.
  if (bytes.length < header || bytes.readUInt32BE(0) !== 0x800 + rank) {
    throw new SkeinError('corrupt', `${subject}: expected an IDX file of unsigned bytes with ${rank} dimensions`);
  }
  const dimensions = Array.from({ length: rank }, (_, i) => bytes.readUInt32BE(4 + 4 * i));
  if (dimensions.includes(0)) {
    throw new SkeinError('corrupt', `${subject}: expected dimensions from 1, received [${dimensions.join(',')}]`);
  }
  const size = dimensions.reduce((product, dimension) => product * dimension, 1);
  if (bytes.length - header !== size) {
    throw new SkeinError(
      'corrupt',
      `${subject}: expected ${size} bytes for [${dimensions.join(',')}], received ${bytes.length - header}`,
    );
  }
  return { dimensions, data: bytes.subarray(header) };
}
