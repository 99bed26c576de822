/** A folder of images, `class/image` or `split/class/image`. Files are read when they are needed and not kept. */
import { readFileSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { asSkeinError, SkeinError } from '../base/index.ts';
import { classTree, isHidden, isImagePath } from './class-tree.ts';
import type { Source } from './source.ts';

/** Deep enough for split/class/image under a folder or two; also ends links that lead in circles. */
const MAX_DEPTH = 6;

/**
 * @param preferredSplits of which an archive is named where there are only archives, the best first
 * @throws {SkeinError} 'invalid-argument' where the folder is not laid out so
 */
export async function folderSource(folder: string, preferredSplits: readonly string[] = []): Promise<Source> {
  const subject = `Cannot read data '${folder}'`;
  const found: Found = { files: [], folders: [] };
  try {
    await walk(folder, '', found);
  } catch (error) {
    throw asSkeinError(error, 'invalid-argument', subject);
  }
  const images = found.files.filter(isImagePath).sort();
  const archives = found.files.filter((path) => /\.(tar|tgz|tar\.gz)$/i.test(path)).sort();
  const called = (split: string) => archives.find((path) => basename(path).toLowerCase().includes(split));
  const archive = preferredSplits.map(called).find((path) => path !== undefined) ?? archives[0];
  if (images.length === 0 && archive !== undefined) {
    throw new SkeinError(
      'invalid-argument',
      `${subject}: expected images, found an archive: name the archive itself, '${join(folder, archive)}'`,
    );
  }
  const tree = classTree(subject, images, found.folders);
  return {
    splits: tree.splits,
    async open(split) {
      const files = tree.files(split);
      const pathOf = (i: number) => files[i]?.path as string;
      return {
        classNames: tree.classNames,
        labels: Int32Array.from(files, (file) => file.label),
        images: {
          kind: 'files',
          bytes: (i) => readFileSync(join(folder, pathOf(i))),
          read: (i) => readFile(join(folder, pathOf(i))),
          sizeBytes: async (i) => (await stat(join(folder, pathOf(i)))).size,
        },
        name: pathOf,
      };
    },
  };
}

interface Found {
  readonly files: string[];
  readonly folders: string[];
}

/** Collects what lies under `folder`/`below`, with links followed and names joined by '/'. */
async function walk(folder: string, below: string, found: Found): Promise<void> {
  for (const entry of await readdir(join(folder, below), { withFileTypes: true })) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    if (isHidden(entry.name)) continue;
    // A link that leads nowhere is no reason to refuse the rest.
    const kind = entry.isSymbolicLink() ? await stat(join(folder, path)).catch(() => undefined) : entry;
    if (kind?.isDirectory()) {
      found.folders.push(path);
      if (path.split('/').length < MAX_DEPTH) await walk(folder, path, found);
    } else if (kind?.isFile()) found.files.push(path);
  }
}
