/** What `skein evaluate` says of a model or a plan, kept beside what recipes make: the test images are looked at once. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { writeFileAtomically } from '../../src/base/index.ts';
import { type EvaluateReport, sha256Of } from '../../src/plan/index.ts';
import { inRepository, runProgram } from '../processes/run-program.ts';

const SKEIN = inRepository('dist/src/cli/main.js');

interface Looked {
  /** What the images are called in the name of the file. */
  readonly split: string;
  /** Words of `skein evaluate` for them. */
  readonly data: readonly string[];
  /** Where it is kept. */
  readonly folder: string;
}

/** @param file a model, or the folder of a plan */
export async function evaluationOf(file: string, { split, data, folder }: Looked): Promise<EvaluateReport> {
  const kept = join(folder, `${basename(file)}.${(await sha256Of(fileOfPlan(file))).slice(0, 12)}.${split}.json`);
  if (!existsSync(kept)) {
    const words = ['evaluate', file, ...data, '--json'];
    await writeFileAtomically(kept, [Buffer.from(await runProgram(process.execPath, [SKEIN, ...words]))]);
  }
  return JSON.parse(await readFile(kept, 'utf8')) as EvaluateReport;
}

/** The file that names the models of a plan with their hashes, or the model itself. */
export function fileOfPlan(path: string): string {
  const plan = join(path, 'plan.json');
  return existsSync(plan) ? plan : path;
}
