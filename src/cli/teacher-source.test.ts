import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { smallImages, smallNetwork } from '../../test/small-training.ts';
import { type Dataset, withDescription } from '../data/index.ts';
import { writeModel } from '../onnx/index.ts';
import type { Output } from './command.ts';
import { openOtherTeacher } from './teacher-source.ts';

const OWN = { shape: [3, 8, 8], mean: [0.1, 0.2, 0.3], std: [0.4, 0.5, 0.6] } as const;
const OF_MODEL = { shape: [3, 8, 8], mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } as const;

let folder: string;
let data: Dataset;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-teacher-'));
  data = await smallImages(20);
  await writeModel(smallNetwork(), join(folder, 'silent.onnx'));
  const described = withDescription(smallNetwork(), { labels: data.classNames, preprocessing: OWN });
  await writeModel(described, join(folder, 'described.onnx'));
  await writeModel(smallNetwork({ outputs: 7 }), join(folder, 'seven.onnx'));
});
afterAll(async () => {
  await data.close();
  await rm(folder, { recursive: true, force: true });
});

const output = { warn: () => {} } as unknown as Output;
const open = (file: string) =>
  openOtherTeacher(
    join(folder, file),
    data,
    { mean: [...OF_MODEL.mean], std: [...OF_MODEL.std], seed: 0 },
    OF_MODEL,
    output,
  );

it("a teacher sees images as its own file says, whatever is said of the model's", async () => {
  expect((await open('described.onnx')).preprocessing).toMatchObject({ mean: OWN.mean, std: OWN.std });
});

it('a teacher whose file says nothing sees images as the model does', async () => {
  expect((await open('silent.onnx')).preprocessing).toMatchObject({ mean: OF_MODEL.mean, std: OF_MODEL.std });
});

it.each([
  ['seven.onnx', /^Cannot learn from '.*seven.onnx': The classes of 'shapes' must be those of the model/],
  ['missing.onnx', /missing.onnx/],
])('refuses %s by its name', async (file, message) => {
  await expect(open(file)).rejects.toThrow(message);
});
