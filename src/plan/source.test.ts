import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { colorModel } from '../../test/color-world.ts';
import { sharedDir } from '../../test/shared.ts';
import type { Model } from '../graph/index.ts';
import { writeModel } from '../onnx/index.ts';
import { GraphBuilder } from '../ops/index.ts';
import { writePlan } from './plan-file.ts';
import { openServable } from './source.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-source-'));
});
afterAll(() => rm(folder, { recursive: true }));

const NAMES = ['ab', 'cd', 'ef', 'gh', 'ij', 'kl', 'mn', 'op', 'qr', 'st'];
const model = colorModel({ channel: 'red' });
const write = async (name: string, content: Model): Promise<string> => {
  const file = join(folder, name);
  await writeModel(content, file);
  return file;
};

describe('openServable() of a bare model', () => {
  it('falls back on convention: ImageNet for three channels, numbers for labels', async () => {
    const file = await write('bare.onnx', model);
    expect(await openServable(file)).toEqual({
      plan: {
        name: 'bare',
        input: { name: 'image', shape: [3, 32, 32], mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
        labels: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
        root: { kind: 'model', file },
      },
      preprocessingFrom: 'convention',
      labelsFrom: 'convention',
    });
  });

  it.each(['ArgMax', 'Cast'])(
    'says of an %s at the end that no output holds scores, with labels and without',
    async (opType) => {
      const b = new GraphBuilder();
      const y = b.linear(b.flatten(b.input('x', 'float32', ['n', 1, 4, 4])), { out: 2 });
      b.output('y', opType === 'Cast' ? b.op('Cast', [y], { to: 10 }) : b.op('ArgMax', [y], { axis: 1, keepdims: 0 }));
      const file = await write(`${opType}.onnx`, b.build());
      const type = opType === 'Cast' ? 'float16 [n,2]' : 'int64 [n]';
      for (const overrides of [{}, { labels: ['a', 'b'] }]) {
        await expect(openServable(file, overrides)).rejects.toMatchObject({
          code: 'unsupported',
          message: `Cannot use '${file}' as an image classifier: it must have a float32 output [batch, classes], received 'y' ${type}`,
        });
      }
    },
  );

  it('leaves one channel as it is', async () => {
    const b = new GraphBuilder();
    b.output('y', b.linear(b.flatten(b.input('x', 'float32', ['n', 1, 4, 4])), { out: 2 }));
    const { plan } = await openServable(await write('grey.onnx', b.build()));
    expect(plan.input).toEqual({ name: 'x', shape: [1, 4, 4], mean: [0], std: [1] });
  });

  it('prefers what the caller says, then metadata, then models.json beside it', async () => {
    const metadata = new Map([
      ['mean', '[0.1, 0.2, 0.3]'],
      ['std', '[1, 1, 1]'],
    ]);
    const file = await write('told.onnx', { ...model, metadata });
    const beside = { input: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }, labels: NAMES };
    await writeFile(join(folder, 'models.json'), JSON.stringify(beside));
    const fromBoth = await openServable(file);
    expect(fromBoth).toMatchObject({ preprocessingFrom: 'metadata', labelsFrom: 'models.json' });
    expect(fromBoth.plan.input.mean).toEqual([0.1, 0.2, 0.3]);
    expect(fromBoth.plan.labels).toEqual(NAMES);
    const told = await openServable(file, { name: 'other', mean: [0, 0, 0], std: [2, 2, 2] });
    expect(told).toMatchObject({ preprocessingFrom: 'overrides', plan: { name: 'other', input: { std: [2, 2, 2] } } });
    // A models.json that lists other models does not speak of this one.
    await writeFile(join(folder, 'models.json'), JSON.stringify({ ...beside, models: { x: { file: 'x.onnx' } } }));
    expect((await openServable(file)).labelsFrom).toBe('convention');
    await rm(join(folder, 'models.json'));
  });

  it('opens a .skz file as the model that is in it', async () => {
    const metadata = new Map([['labels', JSON.stringify(NAMES)]]);
    const file = await write('coded.skz', { ...model, metadata });
    expect((await readFile(file)).subarray(1, 4).toString()).toBe('SKZ');
    const { plan, labelsFrom } = await openServable(file);
    expect(plan).toMatchObject({ name: 'coded', labels: NAMES, root: { kind: 'model', file } });
    expect(labelsFrom).toBe('metadata');
  });

  it('finds what models.json says of a name under either extension', async () => {
    const file = join(folder, 'listed', 'small.skz');
    await mkdir(dirname(file), { recursive: true });
    await writeModel(model, file);
    const beside = { input: { mean: [0.5, 0, 0] }, models: { small: {} } };
    await writeFile(join(folder, 'listed', 'models.json'), JSON.stringify(beside));
    expect((await openServable(file)).preprocessingFrom).toBe('models.json');
  });

  it('finds models.json above it in a folder of models, the nearest first', async () => {
    const root = join(folder, 'repository');
    const file = join(root, 'cats', '2', 'model.onnx');
    await mkdir(dirname(file), { recursive: true });
    await writeModel(model, file);
    const describe = (where: string, content: object) =>
      writeFile(join(root, where, 'models.json'), JSON.stringify(content));
    const origin = async () => {
      const { plan, preprocessingFrom, labelsFrom } = await openServable(file);
      return [preprocessingFrom, plan.input.mean[0], labelsFrom, plan.labels[0]];
    };
    const std = [1, 1, 1];
    await describe('.', { input: { mean: [0.3, 0, 0], std }, labels: NAMES, models: { dogs: {} } });
    expect(await origin()).toEqual(['convention', 0.485, 'convention', '0']);
    await describe('.', { input: { mean: [0.3, 0, 0], std }, labels: NAMES, models: { cats: { file: 'old.onnx' } } });
    expect(await origin()).toEqual(['models.json', 0.3, 'models.json', 'ab']);
    await describe('.', { input: { mean: [0.4, 0, 0], std }, models: { x: { file: 'cats/2/model.onnx' } } });
    expect(await origin()).toEqual(['models.json', 0.4, 'convention', '0']);
    await describe('cats', { input: { mean: [0.2, 0, 0], std }, labels: [...NAMES].reverse() });
    expect(await origin()).toEqual(['models.json', 0.2, 'models.json', 'st']);
    await describe('cats/2', { input: { mean: [0.1, 0, 0], std } });
    expect(await origin()).toEqual(['models.json', 0.1, 'models.json', 'st']);
  });

  it('does not look above a file that is in no folder of models', async () => {
    await mkdir(join(folder, 'plain', 'sub'), { recursive: true });
    await writeModel(model, join(folder, 'plain', 'sub', 'bare.onnx'));
    await writeFile(join(folder, 'plain', 'models.json'), JSON.stringify({ labels: NAMES }));
    expect((await openServable(join(folder, 'plain', 'sub', 'bare.onnx'))).labelsFrom).toBe('convention');
  });

  it('has two labels for a model of one score', async () => {
    const b = new GraphBuilder();
    b.output('y', b.linear(b.flatten(b.input('x', 'float32', ['n', 1, 4, 4])), { out: 1 }));
    const file = await write('one.onnx', b.build());
    expect((await openServable(file)).plan.labels).toEqual(['0', '1']);
    expect((await openServable(file, { labels: ['no', 'yes'] })).plan.labels).toEqual(['no', 'yes']);
    await expect(openServable(file, { labels: ['yes'] })).rejects.toThrow('it has 2 classes, received 1 labels');
  });

  it('refuses what does not fit the model', async () => {
    const file = await write('misfit.onnx', model);
    await expect(openServable(file, { labels: ['a', 'b'] })).rejects.toThrow('it has 10 classes, received 2 labels');
    await expect(openServable(file, { mean: [0] })).rejects.toThrow('must be 3 numbers, one a channel');
    await expect(openServable(file, { shape: [3, 64, 64] })).rejects.toThrow('takes images of [3,32,32]');
    await expect(openServable(join(folder, 'none.onnx'))).rejects.toMatchObject({ code: 'not-found' });
    await writeFile(join(folder, 'text.onnx'), 'hello');
    await expect(openServable(join(folder, 'text.onnx'))).rejects.toMatchObject({ code: 'corrupt' });
  });

  it('refuses what is no image classifier', async () => {
    const b = new GraphBuilder();
    b.output('y', b.relu(b.input('x', 'float32', ['n', 7])));
    await expect(openServable(await write('vector.onnx', b.build()))).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining("must have one input [batch, channels, height, width], received 'x' [n,7]"),
    });
  });
});

describe('openServable() of a plan', () => {
  it('takes the file or its folder, under its own name', async () => {
    const file = await write('planned.onnx', model);
    const input = { name: 'image', shape: [3, 32, 32], mean: [0, 0, 0], std: [1, 1, 1] } as const;
    const plan = { name: 'mine', input, labels: NAMES, root: { kind: 'model', file } as const };
    const path = await writePlan(plan, folder);
    for (const source of [path, folder]) {
      expect(await openServable(source)).toMatchObject({ plan, preprocessingFrom: 'plan', labelsFrom: 'plan' });
    }
    await expect(openServable(path, { mean: [0, 0, 0] })).rejects.toThrow('says its own mean: change it there');
    await rm(path);
    await expect(openServable(folder)).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe.skipIf(sharedDir === undefined)('openServable() of a shared model (needs ../shared)', () => {
  it('finds its preprocessing and labels in models.json', async () => {
    const servable = await openServable(`${sharedDir}/models/resnet20.onnx`);
    expect(servable).toMatchObject({ preprocessingFrom: 'models.json', labelsFrom: 'models.json' });
    expect(servable.plan).toMatchObject({ name: 'resnet20', input: { name: 'input', shape: [3, 32, 32] } });
    expect(servable.plan.labels[3]).toBe('cat');
  });
});
