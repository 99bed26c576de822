/**
 * The models that are served, by name and version. A new version is loaded beside the old one and takes over only when it
 * is ready; the old one answers what it has accepted and is then unloaded, so that a reload loses no request. A load that
 * fails leaves the old one serving. Of each model the newest version is served, or all of them.
 */
import { asSkeinError, SkeinError } from '../base/index.ts';
import type { RepositoryEntry } from './protocol.ts';
import type { ModelVersion, Repository, RepositoryModel } from './repository.ts';

/** A loaded version, as far as the registry is concerned. */
export interface Deployment {
  readonly name: string;
  readonly version: string;
  /** Settles when everything that was accepted is answered and the sessions are freed. */
  retire(): Promise<void>;
}

interface VersionEntry<D> {
  state: RepositoryEntry['state'];
  reason: string;
  fingerprint: string;
  deployment: D | undefined;
  /** The repository had it no more when it was last read: out of the index as soon as nothing of it serves. */
  gone: boolean;
}

interface ModelEntry<D> {
  /** By version, the oldest first. */
  readonly versions: Map<string, VersionEntry<D>>;
  /** Loads and unloads of one model happen one after another; so many wait or are under way. */
  turn: Promise<void>;
  turns: number;
}

export interface RegistryOptions<D> {
  readonly repository: Repository;
  readonly versions: 'latest' | 'all';
  readonly open: (name: string, version: ModelVersion) => Promise<D>;
  /** Told of what the registry does on its own account. */
  readonly onEvent?: (event: RegistryEvent) => void;
}

export interface RegistryEvent {
  readonly kind: 'loaded' | 'failed' | 'retired';
  readonly name: string;
  readonly version: string;
  readonly error?: SkeinError;
}

const UNLOADED = 'unloaded';

export class Registry<D extends Deployment> {
  readonly #options: RegistryOptions<D>;
  readonly #models = new Map<string, ModelEntry<D>>();
  readonly #retiring = new Set<Promise<void>>();
  #pollTimer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: RegistryOptions<D>) {
    this.#options = options;
  }

  /** Loads everything that the repository has; what fails stays out, with its reason in the index. */
  async loadAll(): Promise<readonly SkeinError[]> {
    const failures: SkeinError[] = [];
    const failed = (error: unknown) => void failures.push(asSkeinError(error, 'internal'));
    try {
      for (const { name } of await this.#read()) await this.load(name).catch(failed);
    } catch (error) {
      failed(error);
    }
    return failures;
  }

  /** Loads the model as the repository has it now, beside what serves. @throws SkeinError if that fails */
  async load(name: string): Promise<void> {
    await this.#inTurn(name, async (entry) => this.#load(name, entry));
  }

  /** Takes the model out of service. @throws SkeinError 'not-found' */
  async unload(name: string): Promise<void> {
    if (!this.#models.has(name)) throw unknownModel(name, this.#models.keys());
    await this.#inTurn(name, async (entry) => {
      await Promise.all([...entry.versions.keys()].map((version) => this.#retire(name, entry, version, UNLOADED)));
    });
  }

  /** Loads, every so many seconds, what is new or has changed in the repository, and unloads what is gone. */
  pollEvery(seconds: number): void {
    const poll = async () => {
      await this.#poll().catch((error: unknown) => {
        this.#options.onEvent?.({ kind: 'failed', name: '*', version: '*', error: asSkeinError(error, 'internal') });
      });
      again();
    };
    const again = () => {
      if (this.#closed) return;
      this.#pollTimer = setTimeout(poll, seconds * 1000);
      this.#pollTimer.unref();
    };
    again();
  }

  /** The version to ask: the newest that is ready, unless one is named. @throws SkeinError 'not-found' or 'unavailable' */
  get(name: string, version?: string): D {
    const entry = this.#models.get(name);
    if (entry === undefined) throw unknownModel(name, this.#models.keys());
    if (version !== undefined && version !== '') {
      const found = entry.versions.get(version);
      if (found?.deployment !== undefined) return found.deployment;
      const known = this.versionsOf(name);
      if (found === undefined) {
        const ready = known.length === 0 ? 'none is ready' : `ready: ${known.join(', ')}`;
        throw new SkeinError('not-found', `Model '${name}' has no version '${version}' (${ready})`);
      }
      throw notReady(name, version, found);
    }
    let newest: D | undefined;
    let last: [string, VersionEntry<D>] | undefined;
    for (const each of entry.versions) {
      last = each;
      newest = each[1].deployment ?? newest;
    }
    if (newest !== undefined) return newest;
    if (last === undefined) throw unknownModel(name, this.#models.keys());
    throw notReady(name, ...last);
  }

  /** The ready versions of a model, the oldest first. */
  versionsOf(name: string): string[] {
    const entry = this.#models.get(name);
    if (entry === undefined) return [];
    return [...entry.versions].filter(([, { deployment }]) => deployment !== undefined).map(([version]) => version);
  }

  /** Every ready version of every model. */
  *deployments(): Generator<D> {
    for (const { versions } of this.#models.values()) {
      for (const { deployment } of versions.values()) if (deployment !== undefined) yield deployment;
    }
  }

  index(): RepositoryEntry[] {
    const rows: RepositoryEntry[] = [];
    for (const [name, { versions }] of this.#models) {
      for (const [version, { state, reason }] of versions) rows.push({ name, version, state, reason });
    }
    return rows;
  }

  /** Retires everything, and waits until that is done. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#pollTimer);
    // A load that is under way would otherwise come after all that is retired here.
    await Promise.all([...this.#models.values()].map(({ turn }) => turn));
    for (const [name, entry] of this.#models) {
      for (const version of entry.versions.keys()) void this.#retire(name, entry, version, 'the server stops');
    }
    await Promise.all(this.#retiring);
  }

  #inTurn(name: string, action: (entry: ModelEntry<D>) => Promise<void>): Promise<void> {
    let entry = this.#models.get(name);
    if (entry === undefined) {
      entry = { versions: new Map(), turn: Promise.resolve(), turns: 0 };
      this.#models.set(name, entry);
    }
    const mine = entry;
    mine.turns++;
    const done = mine.turn.then(() => action(mine));
    mine.turn = done.catch(() => {});
    return done.finally(() => {
      mine.turns--;
      this.#dropEmpty(name, mine);
    });
  }

  #dropEmpty(name: string, entry: ModelEntry<D>): void {
    if (entry.turns === 0 && entry.versions.size === 0) this.#models.delete(name);
  }

  /** What the repository has now. What it has no more, and what serves no more, leaves the index with its reason. */
  async #read(): Promise<readonly RepositoryModel[]> {
    const models = await this.#options.repository.list();
    const there = new Map(models.map(({ name, versions }) => [name, new Set(versions.map(({ version }) => version))]));
    for (const [name, entry] of this.#models) {
      for (const [version, held] of entry.versions) {
        held.gone = there.get(name)?.has(version) !== true;
        if (held.gone && held.state === 'UNAVAILABLE') entry.versions.delete(version);
      }
      this.#dropEmpty(name, entry);
    }
    return models;
  }

  async #load(name: string, entry: ModelEntry<D>): Promise<void> {
    const model = (await this.#read()).find((candidate) => candidate.name === name);
    if (model === undefined) {
      throw new SkeinError('not-found', `Model '${name}' is not in the repository`);
    }
    const wanted = this.#options.versions === 'all' ? model.versions : model.versions.slice(-1);
    let failure: SkeinError | undefined;
    for (const version of wanted) {
      await this.#loadVersion(name, entry, version).catch((error: unknown) => {
        failure = asSkeinError(error, 'internal');
      });
    }
    if (failure !== undefined) throw failure;
    const kept = new Set(wanted.map(({ version }) => version));
    for (const [version, { gone }] of [...entry.versions]) {
      if (kept.has(version)) continue;
      void this.#retire(name, entry, version, gone ? 'no longer in the repository' : 'replaced by a newer version');
    }
  }

  async #loadVersion(name: string, entry: ModelEntry<D>, version: ModelVersion): Promise<void> {
    let held = entry.versions.get(version.version);
    if (held === undefined) {
      held = { state: 'LOADING', reason: '', fingerprint: '', deployment: undefined, gone: false };
      entry.versions.set(version.version, held);
      sortVersions(entry.versions);
    }
    if (held.deployment === undefined) held.state = 'LOADING';
    const old = held.deployment;
    // What was tried, so that polling does not try the same broken file for ever.
    held.fingerprint = version.fingerprint;
    try {
      held.deployment = await this.#options.open(name, version);
      held.state = 'READY';
      held.reason = '';
      this.#options.onEvent?.({ kind: 'loaded', name, version: version.version });
    } catch (error) {
      const failure = asSkeinError(error, 'internal');
      held.state = old === undefined ? 'UNAVAILABLE' : 'READY';
      held.reason = failure.message;
      this.#options.onEvent?.({ kind: 'failed', name, version: version.version, error: failure });
      throw failure;
    }
    if (old !== undefined) void this.#track(old.retire());
  }

  #retire(name: string, entry: ModelEntry<D>, version: string, reason: string): Promise<void> {
    const held = entry.versions.get(version);
    const deployment = held?.deployment;
    if (held === undefined || deployment === undefined) return Promise.resolve();
    held.deployment = undefined;
    // What was unloaded by hand stays so until its file changes; what a newer version replaced may be wanted again.
    if (reason !== UNLOADED) held.fingerprint = '';
    held.state = 'UNLOADING';
    held.reason = reason;
    return this.#track(
      deployment.retire().finally(() => {
        if (held.deployment !== undefined) return;
        held.state = 'UNAVAILABLE';
        if (held.gone) entry.versions.delete(version);
        this.#dropEmpty(name, entry);
        this.#options.onEvent?.({ kind: 'retired', name, version });
      }),
    );
  }

  #track(retiring: Promise<void>): Promise<void> {
    const tracked = retiring.catch(() => {}).finally(() => this.#retiring.delete(tracked));
    this.#retiring.add(tracked);
    return tracked;
  }

  async #poll(): Promise<void> {
    const models = await this.#read();
    for (const { name, versions } of models) {
      const entry = this.#models.get(name);
      const wanted = this.#options.versions === 'all' ? versions : versions.slice(-1);
      const changed = wanted.some(
        ({ version, fingerprint }) => entry?.versions.get(version)?.fingerprint !== fingerprint,
      );
      // A failure is in the index and has been told as an event.
      if (changed) await this.load(name).catch(() => {});
    }
    const names = new Set(models.map(({ name }) => name));
    for (const name of [...this.#models.keys()]) {
      if (!names.has(name) && this.versionsOf(name).length > 0) await this.unload(name).catch(() => {});
    }
  }
}

function sortVersions<V>(versions: Map<string, V>): void {
  const sorted = [...versions].sort(([a], [b]) => Number(a) - Number(b));
  versions.clear();
  for (const [version, entry] of sorted) versions.set(version, entry);
}

function unknownModel(name: string, known: Iterable<string>): SkeinError {
  const names = [...known];
  return new SkeinError(
    'not-found',
    `There is no model '${name}'${names.length === 0 ? '' : `; there is ${names.join(', ')}`}`,
  );
}

function notReady<D>(name: string, version: string, entry: VersionEntry<D>): SkeinError {
  const why = entry.reason === '' ? '' : `: ${entry.reason}`;
  return new SkeinError(
    'unavailable',
    `Model '${name}' version ${version} is not ready (${entry.state.toLowerCase()}${why})`,
  );
}
