/**
 * The binary files of CIFAR-10 and CIFAR-100 (Krizhevsky 2009): records of one label byte (two in CIFAR-100, coarse and
 * fine; the fine one counts) and 3072 bytes of red, green and blue planes, 32×32 each.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SkeinError } from '../base/index.ts';
import type { Source } from './source.ts';

const SHAPE = [3, 32, 32] as const;
const IMAGE_BYTES = 3 * 32 * 32;
const CIFAR10_NAMES = 'airplane automobile bird cat deer dog frog horse ship truck'.split(' ');

interface Variant {
  readonly splits: Readonly<Record<string, readonly string[]>>;
  readonly labelBytes: number;
  readonly namesFile: string;
  readonly standardNames: readonly string[];
}

/** The source, or undefined where none of the folder's `files` is CIFAR's. */
export async function cifarSource(folder: string, files: readonly string[]): Promise<Source | undefined> {
  const variant = variantOf(files);
  if (variant === undefined) return undefined;
  const classNames = files.includes(variant.namesFile)
    ? (await readFile(join(folder, variant.namesFile), 'utf8')).split(/\r?\n/).filter((line) => line.trim() !== '')
    : variant.standardNames;
  return {
    splits: Object.keys(variant.splits).sort(),
    async open(split) {
      const names = variant.splits[split ?? ''] ?? [];
      const records: { name: string; label: number; pixels: Uint8Array }[] = [];
      for (const name of names) {
        const bytes = await readFile(join(folder, name));
        const record = variant.labelBytes + IMAGE_BYTES;
        if (bytes.length === 0 || bytes.length % record !== 0) {
          throw new SkeinError(
            'corrupt',
            `Cannot read data '${join(folder, name)}': expected records of ${record} bytes, received ${bytes.length} bytes`,
          );
        }
        for (let at = 0; at < bytes.length; at += record) {
          const label = bytes[at + variant.labelBytes - 1] as number;
          if (label >= classNames.length) {
            throw new SkeinError(
              'corrupt',
              `Cannot read data '${join(folder, name)}': expected labels below ${classNames.length}, received ${label} in record ${at / record}`,
            );
          }
          const pixels = bytes.subarray(at + variant.labelBytes, at + record);
          records.push({ name: `${name} record ${at / record}`, label, pixels });
        }
      }
      return {
        classNames,
        labels: Int32Array.from(records, (record) => record.label),
        images: { kind: 'pixels', shape: SHAPE, pixels: (i) => records[i]?.pixels as Uint8Array },
        name: (i) => records[i]?.name as string,
      };
    },
  };
}

function variantOf(files: readonly string[]): Variant | undefined {
  const train10 = files.filter((name) => /^data_batch_\d+\.bin$/.test(name)).sort();
  const test10 = files.filter((name) => name === 'test_batch.bin');
  if (train10.length + test10.length > 0) {
    return {
      splits: { ...(train10.length > 0 && { train: train10 }), ...(test10.length > 0 && { test: test10 }) },
      labelBytes: 1,
      namesFile: 'batches.meta.txt',
      standardNames: CIFAR10_NAMES,
    };
  }
  const splits100 = ['test', 'train'].filter((split) => files.includes(`${split}.bin`));
  if (splits100.length === 0) return undefined;
  return {
    splits: Object.fromEntries(splits100.map((split) => [split, [`${split}.bin`]])),
    labelBytes: 2,
    namesFile: 'fine_label_names.txt',
    standardNames: Array.from({ length: 100 }, (_, label) => `${label}`),
  };
}
