/** Measures what the chains made. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { writeFileAtomically } from '../../src/base/index.ts';
import { Meter } from '../../src/compress/index.ts';
import { readModel } from '../../src/onnx/index.ts';
import { type EvaluateReport, sha256Of } from '../../src/plan/index.ts';
import { inRepository, runProgram } from '../processes/run-program.ts';
import type { CompressionOptions } from './options.ts';
import { type Chain, UNTRAINED } from './recipes.ts';
import type { CompressionRow, Figures } from './table.ts';

const SKEIN = inRepository('dist/src/cli/main.js');

/** @param files of the chains, made */
export async function measureChains(
  files: ReadonlyMap<Chain, string>,
  options: CompressionOptions,
  log: (line: string) => void,
): Promise<CompressionRow[]> {
  const rows: CompressionRow[] = [];
  const meter = new Meter();
  try {
    for (const model of new Set([...files.keys()].map((chain) => chain.model))) {
      const chains = [...files].filter(([chain]) => chain.model === model);
      log(`measuring ${model} …`);
      const models = await Promise.all(chains.map(([, file]) => readModel(file)));
      const latencies = await meter.latenciesMs(models, { rounds: options.rounds, roundMs: 200, shape: [3, 32, 32] });
      const ofModel: Figures[] = [];
      for (const [i, [chain, file]] of chains.entries()) {
        const report = await evaluationOf(file, options);
        const { top1, params, macs, bytes, throughput } = report;
        ofModel.push({ chain, top1, params, macs, bytes, throughput, latencyMs: latencies[i] as number });
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

/** Kept beside the models: the test images are looked at once. */
async function evaluationOf(file: string, { data, folder, split }: CompressionOptions): Promise<EvaluateReport> {
  const kept = join(folder, `${basename(file)}.${(await sha256Of(file)).slice(0, 12)}.${split}.json`);
  if (!existsSync(kept)) {
    const words = ['evaluate', file, '--data', join(data, `${split}.tar`), '--json'];
    await writeFileAtomically(kept, [Buffer.from(await runProgram(process.execPath, [SKEIN, ...words]))]);
  }
  return JSON.parse(await readFile(kept, 'utf8')) as EvaluateReport;
}
