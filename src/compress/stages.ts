/**
 * The steps of a long compression, each kept on disk once it is done: a call that was interrupted and is repeated finds
 * them and goes on behind them. A step is known by its name and by all that its outcome follows from.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SkeinError, writeFileAtomically } from '../base/index.ts';
import type { Model } from '../graph/index.ts';
import { readModel, serializeModel, writeModel } from '../onnx/index.ts';
import { removeCheckpoint } from './fine-tune.ts';

export class Stages {
  readonly #folder: string | undefined;
  readonly #about: object;

  /**
   * @param folder is made when the first stage begins; without one nothing is kept
   * @param about whose stages these are, for {@link aboutStages}: what JSON can say
   */
  constructor(folder?: string, about: object = {}) {
    this.#folder = folder;
    this.#about = about;
  }

  /**
   * The model that `make` makes, or made when the stage was done before.
   * @param name of a file: letters, digits, dots and dashes
   * @param settings all that the outcome follows from: models, arrays of numbers, and what JSON can say
   * @param make gets the path of a checkpoint of its own, where it may leave what is half done; undefined where nothing is kept
   */
  async model(
    name: string,
    settings: readonly unknown[],
    make: (checkpoint: string | undefined) => Promise<Model>,
  ): Promise<Model> {
    const files = await this.#open(name, settings, 'onnx');
    if (files === undefined) return make(undefined);
    if (files.done) return readModel(files.result);
    const model = await this.#attempt(() => make(files.checkpoint));
    await writeModel(model, files.result);
    await files.seal();
    await removeCheckpoint(files.checkpoint);
    return model;
  }

  /** As {@link model}, for what JSON can say. */
  async value<T>(name: string, settings: readonly unknown[], make: () => Promise<T>): Promise<T> {
    const files = await this.#open(name, settings, 'json');
    if (files === undefined) return make();
    if (files.done) return JSON.parse(await readFile(files.result, 'utf8')) as T;
    const value = await this.#attempt(make);
    await writeFileAtomically(files.result, [Buffer.from(JSON.stringify(value))]);
    await files.seal();
    return value;
  }

  /** Forgets all of them. */
  async clear(): Promise<void> {
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true });
  }

  /** What fails before anything is kept leaves no folder behind, which would look like something to go on with. */
  async #attempt<T>(make: () => Promise<T>): Promise<T> {
    try {
      return await make();
    } catch (error) {
      if (this.#folder !== undefined) {
        const left = await readdir(this.#folder).catch(() => []);
        if (left.every((name) => name === ABOUT)) await this.clear();
      }
      throw error;
    }
  }

  async #open(name: string, settings: readonly unknown[], suffix: string) {
    if (this.#folder === undefined) return undefined;
    if (!/^[\w.-]+$/.test(name)) throw new SkeinError('internal', `A stage cannot be called '${name}'`);
    await mkdir(this.#folder, { recursive: true });
    await writeFileAtomically(join(this.#folder, ABOUT), [Buffer.from(JSON.stringify(this.#about))]);
    const base = join(this.#folder, name);
    const expected = fingerprintOf(settings);
    const [result, seal] = [`${base}.${suffix}`, `${base}.settings`];
    // What is half done with other settings is of no use.
    const checkpoint = `${base}.${expected.slice(0, 8)}.checkpoint`;
    const done = await readFile(seal, 'utf8').then(
      (text) => text === expected,
      () => false,
    );
    // The seal comes last, and the one of another result goes before that is written over.
    if (!done) await rm(seal, { force: true });
    return { result, checkpoint, done, seal: () => writeFileAtomically(seal, [Buffer.from(expected)]) };
  }
}

/** Whose stages were left in a folder; undefined where there are none. */
export async function aboutStages(folder: string): Promise<unknown> {
  const text = await readFile(join(folder, ABOUT), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : JSON.parse(text);
}

const ABOUT = 'about.json';

/**
 * In few letters; models count with all their weights.
 * @throws SkeinError 'internal' for what JSON would leave out: two settings that differ in it would look the same
 */
export function fingerprintOf(settings: readonly unknown[]): string {
  const hash = createHash('sha256');
  for (const each of settings) {
    if (isModel(each)) hash.update(serializeModel(each));
    else if (ArrayBuffer.isView(each)) hash.update(new Uint8Array(each.buffer, each.byteOffset, each.byteLength));
    else hash.update(JSON.stringify(each, refuseUnsayable) ?? 'undefined');
    hash.update('\0');
  }
  return hash.digest('hex');
}

function refuseUnsayable(key: string, value: unknown): unknown {
  const unsayable = typeof value === 'function' || typeof value === 'bigint' || value instanceof Map;
  if (unsayable || value instanceof Set || ArrayBuffer.isView(value)) {
    throw new SkeinError('internal', `A setting of a stage cannot hold '${key}', which JSON does not say`);
  }
  return value;
}

function isModel(value: unknown): value is Model {
  return typeof value === 'object' && value !== null && 'graph' in value && 'opsets' in value;
}
