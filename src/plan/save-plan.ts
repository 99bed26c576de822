/**
 * Writes a plan as a folder that can be moved and served: its models are copied beside plan.json. What stands in the way
 * can be asked beforehand, so that nobody calibrates for minutes to hear it.
 */
import { createHash } from 'node:crypto';
import { readFile, realpath, stat } from 'node:fs/promises';
import { basename, extname, join, resolve } from 'node:path';
import { checkWritable, makeFolder, messageOf, SkeinError, writeFileAtomically } from '../base/index.ts';
import { parseModel, readModel, serializeModel } from '../onnx/index.ts';
import { mapModels, modelsOf, type Plan, type PlanNode } from './plan.ts';
import { PLAN_FILE, readPlan, sha256Of, writePlan } from './plan-file.ts';

interface Placement {
  /** Where the model is to lie, and the hash of what lies there then. */
  readonly file: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly isThere: boolean;
}

/**
 * Whether `savePlan` could write a plan of these nodes into the folder; changes nothing.
 * @throws SkeinError as savePlan does
 */
export async function checkPlanFolder(nodes: readonly PlanNode[], directory: string): Promise<void> {
  await placementsOf(nodes, directory);
}

/**
 * A model with external data is written as one file; every other is copied byte for byte. Files of the same content are
 * kept once. A plan of the same models that is there is replaced, another one never, nor is a model; other files stay.
 * @returns the path of plan.json
 * @throws SkeinError 'invalid-argument' if the folder cannot be written into, or holds a plan of other models or another
 * file under a model's name; 'unavailable' if the disk is full
 */
export async function savePlan(plan: Plan, directory: string): Promise<string> {
  const folder = resolve(directory);
  const placements = await placementsOf([plan.root], directory);
  await makeFolder(folder);
  for (const [source, { file, isThere }] of placements) {
    if (!isThere) await writeFileAtomically(file, [await contentOf(source)]);
  }
  const root = await mapModels(plan.root, async (node) => {
    const { file, sha256 } = placements.get(node.file) as Placement;
    return { ...node, file, sha256 };
  });
  return writePlan({ ...plan, root }, folder);
}

/** Where each model file goes. */
async function placementsOf(nodes: readonly PlanNode[], directory: string): Promise<Map<string, Placement>> {
  const folder = resolve(directory);
  await checkWritable(directory);
  const placements = new Map<string, Placement>();
  const taken = new Map<string, string>();
  for (const { node } of nodes.flatMap((root) => [...modelsOf(root)])) {
    if (placements.has(node.file)) continue;
    const { sha256, sizeBytes } = await identityOf(node.file);
    const name = freeName(basename(node.file), sha256, taken);
    taken.set(name, sha256);
    const file = join(folder, name);
    const there = await realpath(file).catch(() => undefined);
    if (there !== undefined && (await sha256Of(there).catch(() => undefined)) !== sha256) {
      throw new SkeinError(
        'invalid-argument',
        `Cannot write '${join(directory, name)}': another model is there; choose another folder or remove it`,
      );
    }
    placements.set(node.file, { file, sha256, sizeBytes, isThere: there !== undefined });
  }
  const hashes = new Set([...placements.values()].map(({ sha256 }) => sha256));
  await checkPlanThere(directory, hashes);
  const missing = [...placements.values()].filter(({ isThere }) => !isThere);
  await checkWritable(
    directory,
    missing.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  );
  return placements;
}

/** A plan in the folder must be of the same models. */
async function checkPlanThere(directory: string, hashes: ReadonlySet<string>): Promise<void> {
  const file = join(directory, PLAN_FILE);
  const found = await stat(file).catch(() => undefined);
  if (found === undefined) return;
  const refuse = (what: string) =>
    new SkeinError('invalid-argument', `Cannot write '${file}': ${what}; choose another folder or remove it`);
  const plan = await readPlan(file).catch((error: unknown) => {
    throw refuse(`what is there cannot be read as a plan (${messageOf(error)})`);
  });
  const its = new Set([...modelsOf(plan.root)].map(({ node }) => node.sha256));
  if (its.size === hashes.size && [...hashes].every((sha256) => its.has(sha256))) return;
  throw refuse(`the plan '${plan.name}', of other models, is there`);
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

/** Of what `contentOf` gives. */
async function identityOf(source: string): Promise<{ sha256: string; sizeBytes: number }> {
  const bytes = await contentOf(source);
  return { sha256: createHash('sha256').update(bytes).digest('hex'), sizeBytes: bytes.byteLength };
}

/** The bytes of a model as one file: its own, or with what lies in external data inside. */
async function contentOf(source: string): Promise<Uint8Array> {
  const bytes = await readFile(source);
  return isWhole(bytes) ? bytes : serializeModel(await readModel(source));
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
