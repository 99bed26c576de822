/** Parameters and MACs of the real models, against PyTorch's parameter counts and the published MACs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readModel } from '../src/onnx/index.ts';
import { costOf, inferShapes } from '../src/ops/index.ts';
import { sharedDir } from './shared.ts';

const folder = join(sharedDir ?? '', 'models');
const models: Record<string, { file: string; params: number }> =
  sharedDir === undefined ? {} : JSON.parse(readFileSync(join(folder, 'models.json'), 'utf8')).models;

describe.skipIf(!sharedDir)('cost and shapes of the trained models (needs ../shared)', () => {
  it.each(Object.entries(models))('%s', async (name, { file, params }) => {
    const model = await readModel(join(folder, file));
    const cost = costOf(model);
    expect(cost.params).toBe(params);
    // He et al. 2016 and akamaster/pytorch_resnet_cifar10: 0.27 M and 0.85 M parameters, about 41 M and 126 M MACs.
    const published: Record<string, number> = { resnet20: 41e6, resnet56: 126e6 };
    const macs = published[name];
    if (macs !== undefined) expect(Math.abs(cost.macs / macs - 1)).toBeLessThan(0.02);
    const types = [...inferShapes(model).values()];
    expect(types.filter(({ dims }) => dims === undefined || dims.includes(undefined))).toEqual([]);
  });
});
