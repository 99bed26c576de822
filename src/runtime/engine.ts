/**
 * The engine: ONNX Runtime sessions on worker threads, every loaded model on every thread. By default there is a thread
 * for each core that the process may use, and each session computes on its own thread alone: on CPU, n sessions of one
 * thread answer more images a second than one session of n threads, whose layers must wait for each other.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BufferPool, RunningCost, SkeinError, WorkerPool } from '../base/index.ts';
import { isSkz } from '../onnx/index.ts';
import { checkFeeds } from './check-feeds.ts';
import { usableCores } from './cores.ts';
import { type LayerTiming, parseProfile } from './profile.ts';
import type { Device, SessionJob, SessionResult, SessionSettings } from './session-protocol.ts';
import type { NamedTensors, NumericData, TensorInfo } from './tensor-data.ts';

export interface EngineOptions {
  /** Worker threads; one a usable core, divided by `threads`, unless told. */
  readonly workers?: number;
  /** Threads that one session computes with; 1 unless told. More lowers the latency of one image, and the throughput. */
  readonly threads?: number;
  /** Where sessions run; 'cpu' unless told. The others need what ONNX Runtime needs for them. */
  readonly device?: Device;
  /** Told of each worker thread that died. */
  readonly onWorkerDeath?: (reason: string) => void;
}

export interface RunResult {
  readonly outputs: NamedTensors;
  /** Milliseconds inside ONNX Runtime. */
  readonly computeMs: number;
}

/** A model in a session on every worker thread. */
export interface LoadedModel {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /**
   * Runs the model once. `makeFeeds` is called when a thread is free (again if that thread dies); the buffers of what it
   * returns move to the thread and come back into the engine's pool: take them from the pool it is given.
   * @param onStart called when the thread is done with what it was given before
   * @param rows what runs are long by, to know beforehand how long this one takes
   * @throws SkeinError 'invalid-argument' for feeds that do not fit the model's inputs, 'internal' if one of its nodes
   * fails, 'unavailable' if the thread died twice
   */
  run(makeFeeds: (buffers: BufferPool) => NamedTensors, onStart?: () => void, rows?: number): Promise<RunResult>;
  /** Milliseconds that a run of so many rows should take, after those that there were; 0 before the first. */
  expectedMs(rows: number): number;
  /** Frees the sessions, once what was already asked of them is answered. */
  unload(): Promise<void>;
}

export class Engine {
  readonly workers: number;
  readonly threads: number;
  readonly device: Device;
  readonly buffers = new BufferPool();
  readonly #pool: WorkerPool<SessionJob, SessionResult>;
  #nextSession = 1;

  constructor(options: EngineOptions = {}) {
    this.threads = options.threads ?? 1;
    if (!Number.isInteger(this.threads) || this.threads < 1) {
      throw new SkeinError('invalid-argument', `Threads must be a whole number from 1, received ${this.threads}`);
    }
    this.workers = options.workers ?? Math.max(1, Math.floor(usableCores() / this.threads));
    this.device = options.device ?? 'cpu';
    const { onWorkerDeath } = options;
    this.#pool = new WorkerPool({
      name: 'inference',
      script: new URL('./session-worker.js', import.meta.url),
      size: this.workers,
      // Between two batches a thread would otherwise sleep until this one has handed it the next.
      ahead: 1,
      ...(onWorkerDeath === undefined
        ? {}
        : {
            onDeath: onWorkerDeath,
            onInstallFailure: (key, reason) => onWorkerDeath(`its replacement cannot load ${key}: ${reason}`),
          }),
    });
  }

  /** Worker threads that wait for a batch. */
  get idle(): number {
    return this.#pool.idle;
  }

  /** Batches that busy worker threads would take already, each behind the one that it is at. */
  get spare(): number {
    return this.#pool.spare;
  }

  /** Calls `listener` whenever a worker thread could take a batch; returns how to stop that. */
  onIdle(listener: () => void): () => void {
    return this.#pool.onIdle(listener);
  }

  /**
   * Loads a model on every thread.
   * @param model a path (needed for models with external data) of an ONNX or `.skz` file, or its bytes
   * @throws SkeinError 'corrupt' if ONNX Runtime cannot load it, 'unsupported' if the device is not there
   */
  async load(model: string | Uint8Array): Promise<LoadedModel> {
    return this.#load(model, { threads: this.threads, device: this.device, optimization: 'all' });
  }

  /**
   * Milliseconds of each node of the graph that ONNX Runtime executes, mean over `runs` after one that is not counted.
   * @param optimization 'basic' keeps most nodes as the file has them, 'all' shows what is really executed
   */
  async profile(
    model: string | Uint8Array,
    makeFeeds: (buffers: BufferPool) => NamedTensors,
    runs: number,
    optimization: SessionSettings['optimization'] = 'basic',
  ): Promise<LayerTiming[]> {
    const directory = await mkdtemp(join(tmpdir(), 'skein-profile-'));
    try {
      const profilePrefix = join(directory, randomUUID());
      const loaded = await this.#load(model, {
        threads: this.threads,
        device: this.device,
        optimization,
        profilePrefix,
      });
      try {
        for (let run = 0; run <= runs; run++) await loaded.run(makeFeeds);
      } finally {
        await loaded.unload();
      }
      // Every thread has its own session and file; those whose session never ran hold no nodes.
      const files = await readdir(directory);
      const profiles = await Promise.all(files.map((file) => readFile(join(directory, file), 'utf8')));
      return parseProfile(profiles, runs + 1);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }

  /** Ends every thread; runs that are not answered yet fail with 'unavailable'. */
  async close(): Promise<void> {
    await this.#pool.close();
  }

  /** Ends one worker thread as a crash would; for tests of what happens then. */
  async killWorker(index: number): Promise<void> {
    await this.#pool.kill(index);
  }

  /**
   * A file is read once and its bytes are what every thread loads, replacements too: whatever happens to the file later,
   * one loaded model is one network. Only a model with external data, which the engine finds by its path, is loaded by it.
   */
  async #load(model: string | Uint8Array, settings: SessionSettings): Promise<LoadedModel> {
    const bytes = typeof model === 'string' ? await readFile(model).catch(unreadable) : model;
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.byteLength));
    shared.set(bytes);
    const coded = isSkz(bytes);
    try {
      return await this.#install(shared, coded, settings);
    } catch (error) {
      if (typeof model !== 'string' || coded) throw error;
      return this.#install(model, false, settings);
    }
  }

  async #install(model: string | Uint8Array, coded: boolean, settings: SessionSettings): Promise<LoadedModel> {
    const session = this.#nextSession++;
    const key = `session ${session}`;
    let results: SessionResult[];
    try {
      results = await this.#pool.install(key, () => ({ message: { kind: 'load', session, model, coded, settings } }));
    } catch (error) {
      // Some threads may have loaded it before another failed.
      await this.#pool.broadcast(() => ({ message: { kind: 'unload', session } })).catch(() => {});
      throw error;
    }
    const first = results[0];
    if (first?.kind !== 'loaded')
      throw new SkeinError('internal', 'A worker thread answered a load with something else');
    const running = new Set<Promise<unknown>>();
    const cost = new RunningCost();
    let unloaded = false;
    return {
      inputs: first.inputs,
      outputs: first.outputs,
      expectedMs: (rows) => cost.expectedMs(rows),
      run: async (makeFeeds, onStart, rows = 1) => {
        if (unloaded) throw new SkeinError('unavailable', 'The model has been unloaded');
        const run = this.#run(session, first.inputs, makeFeeds, onStart, cost.expectedMs(rows));
        run.then(({ computeMs }) => cost.observe(rows, computeMs)).catch(() => {});
        const settled = run.catch(() => {}).finally(() => running.delete(settled));
        running.add(settled);
        return run;
      },
      unload: async () => {
        unloaded = true;
        await Promise.all(running);
        await this.#pool.uninstall(key, () => ({ message: { kind: 'unload', session } }));
      },
    };
  }

  async #run(
    session: number,
    inputs: readonly TensorInfo[],
    makeFeeds: (buffers: BufferPool) => NamedTensors,
    onStart: (() => void) | undefined,
    expectedMs: number,
  ): Promise<RunResult> {
    const result = await this.#pool.run(
      () => {
        const feeds = makeFeeds(this.buffers);
        checkFeeds(feeds, inputs);
        const transfer = new Set<ArrayBuffer>();
        for (const { data } of Object.values(feeds)) {
          if (!Array.isArray(data)) transfer.add((data as NumericData).buffer as ArrayBuffer);
        }
        return { message: { kind: 'run', session, feeds }, transfer: [...transfer] };
      },
      onStart,
      expectedMs,
    );
    if (result.kind !== 'ran') throw new SkeinError('internal', 'A worker thread answered a run with something else');
    for (const buffer of result.buffers) this.buffers.give(buffer);
    return { outputs: result.outputs, computeMs: result.computeMs };
  }
}

function unreadable(error: NodeJS.ErrnoException): never {
  const code = error.code === 'ENOENT' ? 'not-found' : 'corrupt';
  throw new SkeinError(code, `The model cannot be read: ${error.message}`, { cause: error });
}
