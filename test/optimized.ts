/** What ONNX Runtime makes of a graph: which operators it executes, and what they compute, optimised and as written. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession } from 'onnxruntime-node';
import type { Model } from '../src/graph/index.ts';
import { readModel, serializeModel } from '../src/onnx/index.ts';
import type { Feeds } from './run-onnx.ts';

const QUIET = { logSeverityLevel: 4, intraOpNumThreads: 1 } as const;

/** How often each operator is in the graph that is executed. */
export async function executedOperators(model: Model): Promise<Record<string, number>> {
  const folder = await mkdtemp(join(tmpdir(), 'skein-optimized-'));
  try {
    const optimizedModelFilePath = join(folder, 'optimized.onnx');
    const session = await InferenceSession.create(serializeModel(model), { ...QUIET, optimizedModelFilePath });
    await session.release();
    const counts: Record<string, number> = {};
    for (const { opType } of (await readModel(optimizedModelFilePath)).graph.nodes) {
      counts[opType] = (counts[opType] ?? 0) + 1;
    }
    return counts;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The first output of the model, with its operators fused ('all') or each by itself, as the file has them. */
export async function firstOutput(
  model: Model,
  feeds: Feeds,
  graphOptimizationLevel: 'disabled' | 'all' = 'all',
): Promise<Float32Array> {
  const session = await InferenceSession.create(serializeModel(model), { ...QUIET, graphOptimizationLevel });
  const output = (await session.run(feeds))[session.outputNames[0] ?? '']?.data as Float32Array;
  await session.release();
  return output.slice();
}

/** Signal over noise in decibels; infinite where there is no noise. */
export function decibels(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [signal, noise] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    signal += (expected[i] as number) ** 2;
    noise += ((expected[i] as number) - (actual[i] as number)) ** 2;
  }
  return noise === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10(signal / noise);
}
