/**
 * Decomposes layers on a thread of its own: eigenvectors of a wide layer take up to a minute, in which this thread shows
 * progress and hears signals. On one the thread is ended, in the middle of its sums.
 */
import { SkeinError, WorkerPool } from '../../base/index.ts';
import type { Model } from '../../graph/index.ts';
import {
  checkFactorization,
  type Factorization,
  type InputMoments,
  type Kernel,
  type WeightLayer,
  weightsOfLayer,
} from '../../transforms/index.ts';
import type { Decomposed, DecomposeJob } from './decompose-worker.ts';
import type { Candidate, RankPolicy } from './rank-candidates.ts';

export class Decomposer {
  readonly #signal: AbortSignal | undefined;
  readonly #moments: ReadonlyMap<string, InputMoments> | undefined;
  #pool: WorkerPool<DecomposeJob, Decomposed> | undefined;

  /**
   * @param signal of everything that is asked; the thread starts with the first of it
   * @param moments of the layers' inputs, by which what is lost counts; without them, weights count alike
   */
  constructor(signal?: AbortSignal, moments?: ReadonlyMap<string, InputMoments>) {
    this.#signal = signal;
    this.#moments = moments;
  }

  /**
   * The ranks worth weighing; undefined where the weights are not all finite numbers.
   * @throws SkeinError 'cancelled' on the signal
   */
  async candidates(
    model: Model,
    layer: WeightLayer,
    policy: Exclude<RankPolicy, { by: 'given' }>,
  ): Promise<readonly Candidate[] | undefined> {
    return (await this.#ask(model, layer, { kinds: layer.kinds, policy })).candidates;
  }

  /** The kernels of a layer's parts. @throws SkeinError as rewriteFactorized, and 'cancelled' on the signal */
  async parts(model: Model, layer: WeightLayer, factorization: Factorization): Promise<readonly Kernel[]> {
    checkFactorization(layer, factorization);
    return (await this.#ask(model, layer, { factorization })).parts ?? [];
  }

  async close(): Promise<void> {
    await this.#pool?.close();
  }

  async #ask(model: Model, layer: WeightLayer, task: DecomposeJob['task']): Promise<Decomposed> {
    const { name } = layer;
    const cancelled = (): SkeinError => new SkeinError('cancelled', `Stopped while '${name}' was decomposed`);
    if (this.#signal?.aborted) throw cancelled();
    this.#pool ??= new WorkerPool({
      name: 'decomposition',
      script: new URL('./decompose-worker.js', import.meta.url),
      size: 1,
      graceMs: 0,
    });
    const pool = this.#pool;
    const stop = (): void => void pool.close();
    this.#signal?.addEventListener('abort', stop, { once: true });
    try {
      return await pool.run(() => {
        const weights = weightsOfLayer(model, layer);
        const moments = this.#moments?.get(name);
        return { message: { name, weights, moments, task }, transfer: [weights.elements.buffer] };
      });
    } catch (error) {
      throw this.#signal?.aborted ? cancelled() : error;
    } finally {
      this.#signal?.removeEventListener('abort', stop);
    }
  }
}
