/**
 * Reads labels off paths: `class/image` or `split/class/image`. Classes are numbered in alphabetical order (by code
 * unit, as Python sorts) over all splits, so that a class that one split lacks moves no label.
 */
import { SkeinError } from '../base/index.ts';

const IMAGE = /\.(jpe?g|jfif|png|webp|gif|tiff?|avif)$/i;

export interface LabelledPath {
  readonly path: string;
  readonly label: number;
}

export interface ClassTree {
  readonly splits: readonly string[];
  readonly classNames: readonly string[];
  /** @throws {SkeinError} 'invalid-argument' where a class folder of this split holds no image */
  files(split: string | undefined): LabelledPath[];
}

/** Whether a path without leading `./` names an image that counts: no hidden file, none of macOS's twins (`._x`). */
export function isImagePath(path: string): boolean {
  return IMAGE.test(path) && !isHidden(path);
}

export function isHidden(path: string): boolean {
  return path.split('/').some((part) => part.startsWith('.') || part === '__MACOSX');
}

/**
 * @param subject what is read, for messages: `Cannot read data 'x'`
 * @param paths of images ({@link isImagePath}), in the order in which the examples shall come
 * @param folders every folder that is not hidden; one at the place of a class must hold images
 */
export function classTree(subject: string, paths: readonly string[], folders: readonly string[]): ClassTree {
  if (paths.length === 0) {
    throw new SkeinError(
      'invalid-argument',
      `${subject}: expected images as class/image or split/class/image, found none`,
    );
  }
  const root = commonRoot(paths);
  const depths = new Map<number, string>();
  for (const path of paths) depths.set(partsBelow(root, path).length, path);
  const [depth] = depths.keys();
  if (depths.size !== 1 || (depth !== 2 && depth !== 3)) {
    const received = [...depths.values()].slice(0, 2).map((path) => `'${path}'`);
    throw new SkeinError(
      'invalid-argument',
      `${subject}: expected images as class/image or split/class/image, all alike, received ${received.join(' and ')}`,
    );
  }
  const inSplits = depth === 3;
  const classOf = (parts: string[]) => (inSplits ? parts[1] : parts[0]) as string;
  const splitOf = (parts: string[]) => (inSplits ? parts[0] : undefined);
  const labelled = paths.map((path) => ({ path, parts: partsBelow(root, path) }));
  const classNames = [...new Set(labelled.map(({ parts }) => classOf(parts)))].sort();
  const labels = new Map(classNames.map((name, label) => [name, label]));
  return {
    splits: inSplits ? [...new Set(labelled.map(({ parts }) => parts[0] as string))].sort() : [],
    classNames,
    files(split) {
      const files = labelled.filter(({ parts }) => splitOf(parts) === split);
      const filled = new Set(files.map(({ parts }) => parts.slice(0, -1).join('/')));
      for (const folder of folders) {
        const parts = folder.startsWith(root) ? partsBelow(root, folder) : [];
        if (parts.length === depth - 1 && splitOf(parts) === split && !filled.has(parts.join('/'))) {
          throw new SkeinError(
            'invalid-argument',
            `${subject}: expected images in every class folder, found none in '${folder}': add some or remove it`,
          );
        }
      }
      return files.map(({ path, parts }) => ({ path, label: labels.get(classOf(parts)) as number }));
    },
  };
}

/** The folders above `split/class/image` that all paths share, as archives often have one around everything. */
function commonRoot(paths: readonly string[]): string {
  let root = '';
  for (;;) {
    const first = partsBelow(root, paths[0] as string);
    const deeper = `${root}${first[0]}/`;
    if (first.length <= 3 || !paths.every((path) => path.startsWith(deeper))) return root;
    root = deeper;
  }
}

function partsBelow(root: string, path: string): string[] {
  return path.slice(root.length).split('/');
}
