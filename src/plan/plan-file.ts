/**
 * plan.json ↔ Plan: validated on reading, every error naming the place in the file. Models are named by paths relative
 * to the file that do not leave its folder, and by SHA-256 (of the .onnx or .skz itself, not of external data beside it).
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep, win32 } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { messageOf, SkeinError, writeFileAtomically } from '../base/index.ts';
import {
  type CompositeKind,
  compositeNode,
  type FieldsOf,
  type ModelNode,
  mapChildren,
  type Plan,
  type PlanNode,
} from './plan.ts';
import { checkPlanFile, type NodeFile, PLAN_VERSION } from './plan-schema.ts';

export const PLAN_FILE = 'plan.json';

/** How deep nodes may nest: far beyond any use, and short of exhausting the stack. */
const MAX_DEPTH = 16;
const LONGEST_LIST = 160;

/**
 * Reads a plan and checks that its models are there and are those that it means.
 * @throws SkeinError 'not-found' for the file or a model, 'corrupt' for what is wrong in it, 'unsupported' for a node kind
 * that is not built yet
 */
export async function readPlan(file: string): Promise<Plan> {
  const fail = (code: SkeinError['code'], what: string, cause?: unknown) =>
    new SkeinError(code, `Cannot load plan '${file}': ${what}`, { cause });
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw missing ? fail('not-found', 'there is no such file', error) : fail('corrupt', messageOf(error), error);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw fail('corrupt', `it is not JSON: ${messageOf(error)}`, error);
  }
  const checked = checkPlanFile(json, MAX_DEPTH);
  if ('problem' in checked) throw fail(checked.unsupported ? 'unsupported' : 'corrupt', checked.problem);
  const { name, input, labels, root } = checked.plan;
  const folder = dirname(resolve(file));
  const node = await loadNode(root, 'root', { folder, labels, fail });
  return { name, input: { ...input, shape: input.shape as [number, number, number] }, labels, root: node };
}

type Fail = (code: SkeinError['code'], what: string) => SkeinError;

interface Reading {
  readonly folder: string;
  readonly labels: readonly string[];
  readonly fail: Fail;
}

async function loadNode(node: NodeFile, path: string, reading: Reading): Promise<PlanNode> {
  if ('model' in node) return loadModel(node, path, reading);
  const [entry] = Object.entries(node) as [CompositeKind, FieldsOf<NodeFile, string>[CompositeKind]][];
  const [kind, fields] = entry as NonNullable<typeof entry>;
  const inside = (child: NodeFile, place: string) => loadNode(child, place, reading);
  const indexOf = (label: string) => reading.labels.indexOf(label);
  return compositeNode(kind, await mapChildren(kind, fields, path, inside, indexOf));
}

async function loadModel(
  { model, sha256 }: { readonly model: string; readonly sha256?: string | undefined },
  path: string,
  { folder, fail }: Reading,
): Promise<ModelNode> {
  const place = `${path}.model`;
  if (!staysInside(folder, model)) {
    throw fail('corrupt', `${place} must be a relative path inside the plan's folder, received '${model}'`);
  }
  const file = resolve(folder, model);
  let actual: string;
  try {
    actual = await sha256Of(file);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw fail('not-found', `${place} names '${model}', ${missing ? 'which is not there' : messageOf(error)}`);
  }
  if (sha256 !== undefined && actual !== sha256.toLowerCase()) {
    throw fail(
      'corrupt',
      `${path}.sha256 must be that of '${model}', ${actual}, received ${sha256}: the file was changed`,
    );
  }
  return { kind: 'model', file, sha256: actual };
}

/** Also refuses what would be absolute on another system, since plans travel. */
function staysInside(folder: string, path: string): boolean {
  if (isAbsolute(path) || win32.isAbsolute(path) || path.includes('\\')) return false;
  const inside = relative(folder, resolve(folder, path));
  return inside !== '' && inside !== '..' && !inside.startsWith(`..${sep}`);
}

/** The SHA-256 of a file's bytes in hexadecimal. */
export async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

/**
 * Writes `plan.json` into the folder, whole or not at all. The models must be inside the folder already.
 * @returns the path of the file
 */
export async function writePlan(plan: Plan, directory: string): Promise<string> {
  const folder = resolve(directory);
  const document = {
    skein: PLAN_VERSION,
    name: plan.name,
    input: plan.input,
    labels: plan.labels,
    root: await fileNode(plan.root, plan.labels, folder),
  };
  const checked = checkPlanFile(document, MAX_DEPTH);
  if ('problem' in checked)
    throw new SkeinError('invalid-argument', `Cannot write plan '${plan.name}': ${checked.problem}`);
  const file = join(folder, PLAN_FILE);
  await writeFileAtomically(file, [Buffer.from(readable(document))]);
  return file;
}

/** JSON with short lists on one line. */
function readable(document: object): string {
  const text = JSON.stringify(document, null, 2);
  // Line breaks stand between tokens only, never inside a string.
  const joined = text.replace(/\[\n\s*([^[\]{}]*?)\n\s*\]/g, (list, items: string) => {
    const line = `[${items.replace(/\n\s*/g, ' ')}]`;
    return line.length <= LONGEST_LIST ? line : list;
  });
  return `${joined}\n`;
}

async function fileNode(node: PlanNode, labels: readonly string[], folder: string): Promise<NodeFile> {
  if (node.kind !== 'model') {
    const { kind, ...fields } = node;
    const inside = (child: PlanNode) => fileNode(child, labels, folder);
    const nameOf = (index: number) => labels[index] as string;
    const held = await mapChildren(kind, fields as FieldsOf<PlanNode>[typeof kind], '', inside, nameOf);
    return { [kind]: held } as unknown as NodeFile;
  }
  const path = relative(folder, node.file).split(sep).join('/');
  if (!staysInside(folder, path)) {
    throw new SkeinError('invalid-argument', `The model '${node.file}' must be inside the plan's folder '${folder}'`);
  }
  return { model: path, sha256: node.sha256 ?? (await sha256Of(node.file)) };
}
