/** Measures what the chains made. */
import { join } from 'node:path';
import { quantile } from '../../src/base/index.ts';
import { Meter } from '../../src/compress/index.ts';
import { readModel, serializeModel } from '../../src/onnx/index.ts';
import { evaluationOf } from '../recipes/kept-evaluation.ts';
import type { RecipeOptions } from '../recipes/options.ts';
import { type Chain, UNTRAINED } from './recipes.ts';
import type { CompressionRow, Figures } from './table.ts';

/** @param files of the chains, made */
export async function measureChains(
  files: ReadonlyMap<Chain, string>,
  options: RecipeOptions,
  log: (line: string) => void,
): Promise<CompressionRow[]> {
  const rows: CompressionRow[] = [];
  const { data, folder, split } = options;
  const looked = { split, folder, data: ['--data', join(data, `${split}.tar`)] };
  const meter = new Meter();
  try {
    for (const model of new Set([...files.keys()].map((chain) => chain.model))) {
      const chains = [...files].filter(([chain]) => chain.model === model);
      log(`measuring ${model} …`);
      const models = await Promise.all(chains.map(([, file]) => readModel(file)));
      const latencies = await meter.latenciesMs(models, { rounds: options.rounds, roundMs: 200, shape: [3, 32, 32] });
      const ofModel: Figures[] = [];
      for (const [i, [chain, file]] of chains.entries()) {
        const report = await evaluationOf(file, looked);
        const { top1, params, macs, bytes, throughput } = report;
        const openMs = await openingMs(file);
        ofModel.push({ chain, top1, params, macs, bytes, throughput, openMs, latencyMs: latencies[i] as number });
      }
      const base = ofModel.find(({ chain }) => chain.steps.length === 0);
      const trained = ofModel.find(({ chain }) => chain.steps.join() === 'trained');
      if (base === undefined || trained === undefined) throw new Error(`there is nothing to hold ${model} against`);
      for (const row of ofModel) {
        const { steps } = row.chain;
        const isTrained = steps.some((step) => !UNTRAINED.has(step));
        const against = isTrained && row !== trained ? trained : base;
        rows.push({ ...row, base, against });
      }
    }
  } finally {
    await meter.close();
  }
  return rows;
}

const OPENINGS = 5;

/** From the file to the bytes that ONNX Runtime loads: the median. */
async function openingMs(file: string): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < OPENINGS; i++) {
    const start = performance.now();
    serializeModel(await readModel(file));
    times.push(performance.now() - start);
  }
  return quantile(times, 0.5);
}
