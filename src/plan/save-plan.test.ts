import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { colorModel } from '../../test/color-world.ts';
import { readModel, writeModel } from '../onnx/index.ts';
import { modelsOf, type Plan, type PlanNode } from './plan.ts';
import { readPlan } from './plan-file.ts';
import { checkPlanFolder, savePlan } from './save-plan.ts';

let source: string;
let target: string;
beforeEach(async () => {
  source = await mkdtemp(join(tmpdir(), 'skein-save-'));
  target = join(source, 'plans', 'pair');
  await writeModel(colorModel({ channel: 'red' }), join(source, 'model.onnx'));
});
afterEach(() => rm(source, { recursive: true }));

const planOf = (root: PlanNode): Plan => ({
  name: 'pair',
  input: { name: 'image', shape: [3, 32, 32], mean: [0, 0, 0], std: [1, 1, 1] },
  labels: Array.from({ length: 10 }, (_, k) => `class ${k}`),
  root,
});
const leaf = (...path: string[]): PlanNode => ({ kind: 'model', file: join(source, ...path) });
const pair = (small: PlanNode, big: PlanNode): Plan => planOf({ kind: 'cascade', small, big, confidence: 0.9 });

describe('savePlan()', () => {
  it('copies models beside the plan, two of one name under two, one used twice once', async () => {
    await mkdir(join(source, 'other'));
    await writeModel(colorModel({ channel: 'green' }), join(source, 'other', 'model.onnx'));
    const nested: PlanNode = {
      kind: 'cascade',
      small: leaf('other', 'model.onnx'),
      big: leaf('model.onnx'),
      confidence: 0.5,
    };
    const file = await savePlan(pair(leaf('model.onnx'), nested), target);
    expect((await readdir(target)).sort()).toEqual(['model-2.onnx', 'model.onnx', 'plan.json']);
    const read = await readPlan(file);
    expect([...modelsOf(read.root)].map(({ node }) => node.file)).toEqual(
      ['model.onnx', 'model-2.onnx', 'model.onnx'].map((name) => join(target, name)),
    );
    expect(await readFile(join(target, 'model.onnx'))).toEqual(await readFile(join(source, 'model.onnx')));
    // Again into the same folder, now that the models are there.
    expect(await savePlan(read, target)).toBe(file);
  });

  it('copies a .skz file byte for byte, named by its own hash', async () => {
    await writeModel(colorModel({ channel: 'green' }), join(source, 'green.skz'));
    const file = await savePlan(planOf(leaf('green.skz')), target);
    const bytes = await readFile(join(source, 'green.skz'));
    expect(await readFile(join(target, 'green.skz'))).toEqual(bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    expect((await readPlan(file)).root).toEqual({ kind: 'model', file: join(target, 'green.skz'), sha256 });
    await writeFile(join(target, 'green.skz'), bytes.subarray(1));
    await expect(readPlan(file)).rejects.toThrow('the file was changed');
  });

  it('never replaces another model', async () => {
    const folder = join(source, 'taken');
    await mkdir(folder);
    await writeFile(join(folder, 'model.onnx'), 'precious');
    await expect(savePlan(planOf(leaf('model.onnx')), folder)).rejects.toThrow('another model is there');
    expect(await readFile(join(folder, 'model.onnx'), 'utf8')).toBe('precious');
    expect(await readdir(folder)).toEqual(['model.onnx']);
  });

  it('replaces a plan of the same models, and no other', async () => {
    await writeModel(colorModel({ channel: 'green' }), join(source, 'green.onnx'));
    await writeModel(colorModel({ channel: 'red', gain: 7 }), join(source, 'third.onnx'));
    const file = await savePlan(pair(leaf('model.onnx'), leaf('green.onnx')), target);
    await savePlan(pair(leaf('green.onnx'), leaf('model.onnx')), target);
    const swapped = await readPlan(file);
    expect([...modelsOf(swapped.root)].map(({ node }) => node.file)[0]).toBe(join(target, 'green.onnx'));
    const other = pair(leaf('model.onnx'), leaf('third.onnx'));
    const refusal = `Cannot write '${file}': the plan 'pair', of other models, is there; choose another folder or remove it`;
    await expect(savePlan(other, target)).rejects.toMatchObject({ code: 'invalid-argument', message: refusal });
    await writeFile(file, '{}');
    await expect(savePlan(swapped, target)).rejects.toThrow('what is there cannot be read as a plan');
    expect((await readdir(target)).sort()).toEqual(['green.onnx', 'model.onnx', 'plan.json']);
  });

  it('writes a model with external data as one file', async () => {
    const external = join(source, 'external.onnx');
    await writeModel(colorModel({ channel: 'red' }), external, { externalData: { thresholdBytes: 16 } });
    await savePlan(planOf(leaf('external.onnx')), target);
    expect((await readdir(target)).sort()).toEqual(['external.onnx', 'plan.json']);
    const copy = await readModel(join(target, 'external.onnx'));
    const original = await readModel(external);
    for (const [name, tensor] of original.graph.initializers) {
      expect(Buffer.from(copy.graph.initializers.get(name)?.bytes ?? [])).toEqual(Buffer.from(tensor.bytes));
    }
    // Again, now that it is there.
    await savePlan(planOf(leaf('external.onnx')), target);
    expect((await readdir(target)).sort()).toEqual(['external.onnx', 'plan.json']);
  });
});

describe('checkPlanFolder()', () => {
  it('finds what stands in the way, and leaves nothing behind', async () => {
    const roots = [leaf('model.onnx')];
    await checkPlanFolder(roots, target);
    expect(await readdir(source)).toEqual(['model.onnx']);
    const file = join(source, 'model.onnx');
    await expect(checkPlanFolder(roots, file)).rejects.toThrow(`Cannot write into '${file}': it is a file`);
    await mkdir(target, { recursive: true });
    await writeFile(join(target, 'model.onnx'), 'precious');
    await expect(checkPlanFolder(roots, target)).rejects.toThrow('another model is there');
  });
});
