/** Writes a plan as a folder that can be moved and served: its models are copied beside plan.json. */
import { mkdir, readFile, realpath } from 'node:fs/promises';
import { basename, extname, join, resolve } from 'node:path';
import { SkeinError, writeFileAtomically } from '../base/index.ts';
import { parseModel, readModel, writeModel } from '../onnx/index.ts';
import { mapModels, modelsOf, type Plan } from './plan.ts';
import { sha256Of, writePlan } from './plan-file.ts';

/**
 * A model with external data is written as one file; every other is copied byte for byte. Files of the same content are
 * kept once. plan.json is replaced, a model never.
 * @returns the path of plan.json
 * @throws SkeinError 'invalid-argument' if the folder has another file under a model's name
 */
export async function savePlan(plan: Plan, directory: string): Promise<string> {
  const folder = resolve(directory);
  await mkdir(folder, { recursive: true });
  const targets = new Map<string, { readonly file: string; readonly sha256: string }>();
  const taken = new Map<string, string>();
  for (const { node } of modelsOf(plan.root)) {
    if (targets.has(node.file)) continue;
    const sha256 = await sha256Of(node.file);
    const name = freeName(basename(node.file), sha256, taken);
    taken.set(name, sha256);
    targets.set(node.file, await place(node.file, sha256, join(folder, name)));
  }
  const root = await mapModels(plan.root, async (node) => ({ ...node, ...targets.get(node.file) }));
  return writePlan({ ...plan, root }, folder);
}

/** The name itself, or with a number where another model of this plan has it. */
function freeName(name: string, sha256: string, taken: ReadonlyMap<string, string>): string {
  const extension = extname(name);
  const stem = basename(name, extension);
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? name : `${stem}-${number}${extension}`;
    const there = taken.get(candidate);
    if (there === undefined || there === sha256) return candidate;
  }
}

async function place(source: string, sha256: string, target: string): Promise<{ file: string; sha256: string }> {
  const there = await realpath(target).catch(() => undefined);
  if (there !== undefined) {
    if ((await sha256Of(there)) === sha256) return { file: target, sha256 };
    throw new SkeinError(
      'invalid-argument',
      `Cannot write '${target}': another model is there; choose another folder or remove it`,
    );
  }
  const bytes = await readFile(source);
  if (isWhole(bytes)) {
    await writeFileAtomically(target, [bytes]);
    return { file: target, sha256 };
  }
  await writeModel(await readModel(source), target);
  return { file: target, sha256: await sha256Of(target) };
}

/** Without a folder to look in, a model that has external data cannot be parsed. */
function isWhole(bytes: Uint8Array): boolean {
  try {
    parseModel(bytes);
    return true;
  } catch {
    return false;
  }
}
