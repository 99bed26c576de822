/** From what the user writes after `--data` to labelled images. */
import { readdir, stat } from 'node:fs/promises';
import { asSkeinError, SkeinError } from '../base/index.ts';
import { checkLabels } from './check-labels.ts';
import { cifarSource } from './cifar-source.ts';
import { type Dataset, LoadedDataset } from './dataset.ts';
import { folderSource } from './folder-source.ts';
import { idxSource } from './idx-source.ts';
import { isShapes, parseShapes } from './shapes/shapes-options.ts';
import { shapesSource } from './shapes/shapes-source.ts';
import { type Source, selectExamples } from './source.ts';
import { stratifiedSample } from './stratified-sample.ts';
import { tarSource } from './tar-source.ts';

export interface OpenOptions {
  readonly split?: string;
  /** Tried in this order where no split is named and the source has several. */
  readonly preferredSplits?: readonly string[];
  /** Take so many images only: a sample with each class's share (see `stratifiedSample`), in shuffled order. */
  readonly limit?: number;
  /** Of the sample, and of the images themselves where they are drawn; 0 unless told. */
  readonly seed?: number;
  /** Threads that decode; one a core unless told. */
  readonly threads?: number;
  /** Decoded pixels kept in memory at most; 1 GiB unless told. */
  readonly cacheBytes?: number;
}

/**
 * Opens a data source: `shapes` (perhaps with options, see `ShapesOptions`), a folder of `class/image` or `split/class/image`, a `.tar` or `.tar.gz` of the same, or
 * a folder of CIFAR-10/100 binary files or IDX files.
 *
 * @throws {SkeinError} 'not-found' where there is no such source or split, 'corrupt' where it is damaged,
 * 'invalid-argument' where it is something else
 */
export async function openData(source: string, options: OpenOptions = {}): Promise<Dataset> {
  const { limit, seed = 0 } = options;
  if (limit !== undefined && (!Number.isInteger(limit) || limit < 1)) {
    throw new SkeinError('invalid-argument', `limit: expected a whole number from 1, received ${limit}`);
  }
  if (!Number.isSafeInteger(seed)) {
    throw new SkeinError('invalid-argument', `seed: expected a whole number, received ${seed}`);
  }
  const found = await findSource(source, options);
  const split = chooseSplit(source, found.splits, options);
  let examples = await found.open(split).catch((error: unknown) => {
    throw asSkeinError(error, 'invalid-argument', `Cannot open data '${source}'`);
  });
  const size = examples.labels.length;
  if (size === 0) throw new SkeinError('invalid-argument', `Cannot read data '${source}': expected images, found none`);
  checkLabels(`Cannot read data '${source}'`, examples.labels, examples.classNames.length, examples.name);
  if (limit !== undefined && limit < size) {
    examples = selectExamples(examples, stratifiedSample(examples.labels, limit, seed));
  }
  return new LoadedDataset(examples, {
    source,
    split,
    splits: found.splits,
    ...(options.threads !== undefined && { threads: options.threads }),
    ...(options.cacheBytes !== undefined && { cacheBytes: options.cacheBytes }),
  });
}

async function findSource(source: string, { limit, seed = 0, threads, preferredSplits }: OpenOptions): Promise<Source> {
  // Drawn images come in a fair order, so the first ones are as good a sample as any; and there are always more.
  if (isShapes(source)) {
    const draw = { seed, ...(limit !== undefined && { count: limit }), ...(threads !== undefined && { threads }) };
    return shapesSource(draw, parseShapes(source));
  }
  const subject = `Cannot open data '${source}'`;
  const stats = await stat(source).catch((error: unknown) => {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw asSkeinError(error, 'invalid-argument', subject);
    throw new SkeinError(
      'not-found',
      `${subject}: expected 'shapes', a folder, or a .tar or .tar.gz file; there is nothing of that name`,
    );
  });
  try {
    if (!stats.isDirectory()) return await tarSource(source);
    const files = await readdir(source);
    return (
      (await cifarSource(source, files)) ??
      (await idxSource(source, files)) ??
      (await folderSource(source, preferredSplits))
    );
  } catch (error) {
    throw asSkeinError(error, 'invalid-argument', subject);
  }
}

function chooseSplit(source: string, splits: readonly string[], options: OpenOptions): string | undefined {
  const named = options.split;
  const list = splits.map((split) => `'${split}'`).join(', ');
  if (named !== undefined) {
    if (splits.includes(named)) return named;
    const expected = splits.length === 0 ? 'no split, as the source has none' : `one of the splits ${list}`;
    throw new SkeinError('not-found', `Cannot open data '${source}': expected ${expected}, received '${named}'`);
  }
  if (splits.length <= 1) return splits[0];
  const preferred = options.preferredSplits?.find((split) => splits.includes(split));
  if (preferred !== undefined) return preferred;
  throw new SkeinError('invalid-argument', `Cannot open data '${source}': name one of its splits ${list}`);
}
