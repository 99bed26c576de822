/**
 * Fits the weights that stay to those that go on a thread of its own: a wide layer takes minutes, in which this thread shows
 * progress and hears signals. On one the thread is ended, in the middle of its sums.
 */
import { SkeinError, WorkerPool } from '../../base/index.ts';
import type { Model } from '../../graph/index.ts';
import { type InputMoments, type MaskedLayer, maskedLayers, withWeights } from '../../transforms/index.ts';

export interface CompensatedOptions {
  readonly signal?: AbortSignal;
  /** Told of each layer before it is begun. */
  readonly onLayer?: (done: number, all: number, name: string) => void;
}

/** As `compensateMasked`. @throws SkeinError 'cancelled' on the signal */
export async function compensated(
  model: Model,
  masks: ReadonlyMap<string, Uint8Array>,
  moments: ReadonlyMap<string, InputMoments>,
  { signal, onLayer }: CompensatedOptions = {},
): Promise<Model> {
  const layers = [...maskedLayers(model, masks, moments)];
  if (layers.length === 0) return model;
  const pool = new WorkerPool<MaskedLayer, Float32Array<ArrayBuffer>>({
    name: 'compensation',
    script: new URL('./compensate-worker.js', import.meta.url),
    size: 1,
    graceMs: 0,
  });
  const stop = (): void => void pool.close();
  signal?.addEventListener('abort', stop, { once: true });
  const made = new Map<string, Float32Array>();
  let current = '';
  const cancelled = (): SkeinError =>
    new SkeinError('cancelled', `Stopped while the weights of '${current}' were fitted to what stays`);
  try {
    for (const [done, layer] of layers.entries()) {
      current = layer.name;
      if (signal?.aborted) throw cancelled();
      onLayer?.(done, layers.length, current);
      made.set(layer.weight, await pool.run(() => ({ message: layer, transfer: [] })));
    }
  } catch (error) {
    throw signal?.aborted ? cancelled() : error;
  } finally {
    signal?.removeEventListener('abort', stop);
    await pool.close();
  }
  return withWeights(model, made);
}
