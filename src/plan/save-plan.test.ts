import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { colorModel } from '../../test/color-world.ts';
import { readModel, writeModel } from '../onnx/index.ts';
import { modelsOf, type Plan, type PlanNode } from './plan.ts';
import { readPlan } from './plan-file.ts';
import { savePlan } from './save-plan.ts';

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

  it('never replaces another model', async () => {
    const folder = join(source, 'taken');
    await mkdir(folder);
    await writeFile(join(folder, 'model.onnx'), 'precious');
    await expect(savePlan(planOf(leaf('model.onnx')), folder)).rejects.toThrow('another model is there');
    expect(await readFile(join(folder, 'model.onnx'), 'utf8')).toBe('precious');
    expect(await readdir(folder)).toEqual(['model.onnx']);
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
  });
});
