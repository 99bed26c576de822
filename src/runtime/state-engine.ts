/**
 * Sessions on one thread that share values which stay there: what one run makes, the next takes. So the weights of
 * training, and what its optimizer remembers, cross to this thread only when somebody asks for them.
 */
import { SkeinError, WorkerPool } from '../base/index.ts';
import { usableCores } from './cores.ts';
import type { Device, SessionJob, SessionResult } from './session-protocol.ts';
import type { NamedTensors, NumericData, TensorInfo } from './tensor-data.ts';

export interface StateEngineOptions {
  /** Threads that a session computes with; the usable cores unless told. */
  readonly threads?: number;
  /** 'cpu' unless told. */
  readonly device?: Device;
}

export interface StateRun {
  /** The outputs that were not kept. */
  readonly outputs: NamedTensors;
  /** The buffers of the feeds, which are free again. */
  readonly buffers: readonly ArrayBuffer[];
  /** Milliseconds inside ONNX Runtime. */
  readonly computeMs: number;
}

/** A model whose inputs come from the caller and from what is kept. */
export interface StateModel {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /**
   * Runs the model once. Inputs that are not fed are the kept values of their names. The buffers of the feeds move to the
   * thread.
   * @param keep outputs that are kept, by the name under which they are: `{ weights: 'next.weights' }`
   * @throws SkeinError 'invalid-argument' if ONNX Runtime refuses the inputs, 'internal' if one of the model's nodes fails,
   * 'unavailable' if the thread died, and with it all that was kept
   */
  run(feeds: NamedTensors, keep?: Readonly<Record<string, string>>): Promise<StateRun>;
}

export class StateEngine {
  readonly threads: number;
  readonly device: Device;
  readonly #pool: WorkerPool<SessionJob, SessionResult>;
  #nextSession = 1;
  #death: string | undefined;

  constructor(options: StateEngineOptions = {}) {
    this.threads = options.threads ?? usableCores();
    this.device = options.device ?? 'cpu';
    this.#pool = new WorkerPool({
      name: 'training',
      script: new URL('./session-worker.js', import.meta.url),
      size: 1,
      ahead: 1,
      onDeath: (reason) => {
        this.#death ??= reason;
      },
    });
  }

  /** @throws SkeinError 'corrupt' if ONNX Runtime cannot load the model, 'unsupported' if the device is not there */
  async load(model: Uint8Array): Promise<StateModel> {
    const session = this.#nextSession++;
    const settings = { threads: this.threads, device: this.device, optimization: 'all' } as const;
    const [loaded] = await this.#pool.install(`session ${session}`, () => ({
      message: { kind: 'load', session, model, settings },
    }));
    if (loaded?.kind !== 'loaded')
      throw new SkeinError('internal', 'The training thread answered a load with something else');
    return {
      inputs: loaded.inputs,
      outputs: loaded.outputs,
      run: (feeds, keep = {}) => this.#run(session, feeds, keep),
    };
  }

  /** Keeps these values under their names; they are copied. */
  async put(values: NamedTensors): Promise<void> {
    await this.#ask({ kind: 'put', values });
  }

  /** Copies of kept values. @throws SkeinError 'unavailable' for one that is not there */
  async get(names: readonly string[]): Promise<NamedTensors> {
    const got = await this.#ask({ kind: 'get', names });
    return got.kind === 'got' ? got.values : {};
  }

  /** Ends the thread as a crash would; for tests of what happens then. */
  async killWorker(): Promise<void> {
    await this.#pool.kill(0);
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }

  async #run(session: number, feeds: NamedTensors, keep: Readonly<Record<string, string>>): Promise<StateRun> {
    const buffers = new Set<ArrayBuffer>();
    for (const { data } of Object.values(feeds)) {
      if (!Array.isArray(data)) buffers.add((data as NumericData).buffer as ArrayBuffer);
    }
    const ran = await this.#ask({ kind: 'run', session, feeds, keep }, [...buffers]);
    if (ran.kind !== 'ran') throw new SkeinError('internal', 'The training thread answered a run with something else');
    return { outputs: ran.outputs, buffers: ran.buffers, computeMs: ran.computeMs };
  }

  /** A job is never tried on a thread that has replaced another: what was kept is gone. */
  #ask(message: SessionJob, transfer: readonly ArrayBuffer[] = []): Promise<SessionResult> {
    let sent = false;
    return this.#pool.run(() => {
      if (this.#death !== undefined || sent) {
        throw new SkeinError(
          'unavailable',
          `The training thread died (${this.#death}): go on from the last checkpoint`,
        );
      }
      sent = true;
      return { message, transfer };
    });
  }
}
