/**
 * What there is to serve: one file, or a folder of models with versions, in the layout that Triton has
 * (`<model>/<version>/model.onnx`, or `plan.json` in its place) and in the shorter ones that people have: `<model>.onnx`,
 * `<model>/model.onnx`, `<model>/plan.json`. A `.skz` file may stand wherever an `.onnx` may. Only reads the file system;
 * what is loaded is the registry's business.
 */
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { SkeinError } from '../base/index.ts';
import { isModelFile } from '../onnx/index.ts';

export interface ModelVersion {
  /** A whole number from 1, as text. */
  readonly version: string;
  /** An .onnx, .skz or plan.json file. */
  readonly path: string;
  /** Changes when the file does. */
  readonly fingerprint: string;
}

export interface RepositoryModel {
  readonly name: string;
  /** The oldest first. */
  readonly versions: readonly ModelVersion[];
}

export interface Repository {
  /** Everything that is there now; entries that cannot be read are left out. */
  list(): Promise<readonly RepositoryModel[]>;
}

/** What a model's own folder holds, the first of these that is there. */
const OWN_FOLDER: readonly string[] = ['plan.json', 'model.onnx', 'model.skz'];

/**
 * The repository at `path`.
 * @param nameOf the name under which a single file is served
 * @throws SkeinError 'not-found' or 'unsupported'
 */
export async function openRepository(path: string, nameOf: (file: string) => Promise<string>): Promise<Repository> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) {
    throw new SkeinError('not-found', `Cannot serve '${path}': there is no such file or folder`);
  }
  const file = found.isDirectory() ? await fileIn(path, ['plan.json']) : path;
  if (file !== undefined) return singleFile(file, await nameOf(file));
  const repository: Repository = { list: () => listFolder(path) };
  if ((await repository.list()).length === 0) {
    throw new SkeinError(
      'not-found',
      `Cannot serve '${path}': expected models as <model>.onnx (or .skz), <model>/plan.json or <model>/<version>/model.onnx, found none`,
    );
  }
  return repository;
}

function singleFile(path: string, name: string): Repository {
  return {
    list: async () => {
      const fingerprint = await fingerprintOf(path);
      return fingerprint === undefined ? [] : [{ name, versions: [{ version: '1', path, fingerprint }] }];
    },
  };
}

async function listFolder(folder: string): Promise<RepositoryModel[]> {
  const models = new Map<string, RepositoryModel>();
  const entries = await readdir(folder, { withFileTypes: true });
  // Of the files of one name the .onnx comes first.
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name.startsWith('.')) continue;
    const path = join(folder, entry.name);
    const isFolder = entry.isDirectory() || (entry.isSymbolicLink() && (await isDirectory(path)));
    const name = isFolder ? entry.name : basename(entry.name, extname(entry.name));
    if (!isFolder && !isModelFile(entry.name)) continue;
    const versions = isFolder ? await versionsIn(path) : await oneVersion(path);
    // A folder takes precedence over a file of the same name: it can hold versions.
    if (versions.length > 0 && (isFolder || !models.has(name))) models.set(name, { name, versions });
  }
  return [...models.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function versionsIn(folder: string): Promise<ModelVersion[]> {
  const own = await fileIn(folder, OWN_FOLDER);
  if (own !== undefined) return oneVersion(own);
  const versions: ModelVersion[] = [];
  for (const name of await readdir(folder).catch(() => [])) {
    if (!/^[1-9]\d*$/.test(name)) continue;
    const path = await fileIn(join(folder, name), OWN_FOLDER);
    if (path === undefined) continue;
    const fingerprint = await fingerprintOf(path);
    if (fingerprint !== undefined) versions.push({ version: name, path, fingerprint });
  }
  return versions.sort((a, b) => Number(a.version) - Number(b.version));
}

async function oneVersion(path: string): Promise<ModelVersion[]> {
  const fingerprint = await fingerprintOf(path);
  return fingerprint === undefined ? [] : [{ version: '1', path, fingerprint }];
}

async function fileIn(folder: string, names: readonly string[]): Promise<string | undefined> {
  for (const name of names) {
    const path = join(folder, name);
    if ((await stat(path).catch(() => undefined))?.isFile()) return path;
  }
  return undefined;
}

async function isDirectory(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

/**
 * Of a model in a folder of its own, all files there count: the models of a plan, external data. Undefined if there is no
 * such file.
 */
async function fingerprintOf(path: string): Promise<string | undefined> {
  const name = basename(path);
  const folder = dirname(path);
  const files = OWN_FOLDER.includes(name)
    ? (await readdir(folder).catch(() => [name])).sort().map((file) => join(folder, file))
    : [path, `${path}.data`];
  const parts: string[] = [];
  for (const file of files) {
    const found = await stat(file).catch(() => undefined);
    if (found?.isFile()) parts.push(`${file} ${found.size} ${found.mtimeMs} ${found.ino}`);
    else if (file === path) return undefined;
  }
  return parts.join('\n');
}
