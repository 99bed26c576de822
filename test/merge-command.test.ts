/** `skein merge` as a process of its own: a plan of parts becomes a model that answers as the plan does. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPlan, type PlanNode, savePlan } from '../src/plan/index.ts';
import { Engine } from '../src/runtime/index.ts';
import { expectClose } from './expect-close.ts';
import { feed, runOnnx } from './run-onnx.ts';
import { skeinIn } from './run-skein.ts';
import { SMALL_SHAPE, SMALL_SIZE, smallImage, writeSmallModel } from './small-models.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-merge-'));
  await mkdir(join(folder, 'models'));
  const model = (name: string, options: object) => writeSmallModel(join(folder, 'models', `${name}.onnx`), options);
  await model('pets', { classes: 3, seed: 1 });
  await model('cow', { classes: 1, seed: 2, channels: 5 });
  await model('deep', { classes: 1, seed: 3, layers: 2 });
  await model('sure', { classes: 2, seed: 4, softmax: true });
  await model('whole', { classes: 3, seed: 5 });
  await save('plan', parallel('cow'));
  await save('ragged', parallel('deep'));
  await save('sure', parallel('sure'));
  await save('single', leaf('whole'));
  const small = leaf('cow');
  const part = (node: PlanNode): PlanNode =>
    ({ ...parallel('cow'), parts: [pets, { classes: [1], node }] }) as PlanNode;
  await save('nested', part({ kind: 'cascade', small, big: small, confidence: 0.5 }));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const leaf = (name: string): PlanNode => ({ kind: 'model', file: join(folder, 'models', `${name}.onnx`) });
const pets = {
  classes: [0, 2],
  scale: [2, 0.5],
  bias: [1, -3],
  get node(): PlanNode {
    return leaf('pets');
  },
};
const parallel = (second: string): PlanNode => ({
  kind: 'parallel',
  other: 'subtracted',
  parts: [{ ...pets }, { classes: [1], node: leaf(second) }],
});
const save = (name: string, root: PlanNode) =>
  savePlan(
    {
      name,
      input: { name: 'image', shape: SMALL_SHAPE, mean: [0.1, 0.2, 0.3], std: [1, 2, 3] },
      labels: ['cat', 'cow', 'dog'],
      root,
    },
    join(folder, name),
  );
const skein = skeinIn(() => folder);

const COUNT = 4;
const images = (): Float32Array =>
  Float32Array.from({ length: COUNT * SMALL_SIZE }, (_, i) => smallImage(i % 7)[i % SMALL_SIZE] as number);

async function answerOf(plan: string): Promise<Float32Array> {
  const { readPlan } = await import('../src/plan/index.ts');
  const engine = new Engine({ workers: 1, threads: 1 });
  const open = await openPlan(engine, await readPlan(join(folder, plan, 'plan.json')));
  try {
    return (await open.predictor.predict({ count: COUNT, data: images() })).data;
  } finally {
    await open.close();
    await engine.close();
  }
}

describe('skein merge', () => {
  it.each(['grouped', 'side-by-side', 'fastest'])('writes a model that answers as the plan does: %s', async (form) => {
    const file = `${form}.onnx`;
    const { code, stdout, stderr } = await skein('merge', 'plan', '-o', file, '--form', form, '--json');
    expect(code, stderr).toBe(0);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({
      output: file,
      latencyMs: { parts: expect.any(Number) },
      slowestMs: expect.any(Number),
    });
    if (form !== 'fastest') expect(report.form).toBe(form);
    const feeds = { input: feed('float32', images(), [COUNT, ...SMALL_SHAPE]) };
    const { scores } = await runOnnx(await readFile(join(folder, file)), feeds);
    expectClose(scores?.data as Float32Array, [...(await answerOf('plan'))], 1e-5);
    const profile = await skein('profile', file, '--json');
    expect(profile.code, profile.stderr).toBe(0);
  });

  it('says on one thread and on many how fast, and what cannot be grouped', async () => {
    const { code, stdout, stderr } = await skein('merge', 'ragged/plan.json', '-o', 'ragged.onnx');
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/the parts, one after another +[\d.]+ ms\nside by side +[\d.]+ ms +chosen\n/);
    expect(stdout).toMatch(
      /as many threads as there are parts, an image waits for the slowest: [\d.]+ ms\nnot grouped: /,
    );
  });

  it.each<[string[], number, RegExp]>([
    [['ragged', '--form', 'grouped'], 1, /Cannot group the parts: part 2 has \d operators, the first one \d/],
    [['sure'], 1, /root.parallel.1 must be a model of logits, received probabilities/],
    [['nested'], 1, /root.parallel.1 must be a model of logits, received cascade/],
    [['single'], 1, /its root must be parallel, as 'skein split' makes it, received model/],
    [['models/whole.onnx'], 2, /<plan> must be a plan.json or a folder, received 'models\/whole.onnx'/],
    [['plan', '--form', 'other'], 2, /Allowed choices are fastest, side-by-side, grouped/],
    [['nowhere/plan.json'], 1, /nowhere/],
  ])('refuses %j', async (words, expected, message) => {
    const { code, stderr, stdout } = await skein('merge', ...words, '-o', 'none.onnx');
    expect({ code, stdout }, stderr).toEqual({ code: expected, stdout: '' });
    expect(stderr).toMatch(message);
    expect(existsSync(join(folder, 'none.onnx'))).toBe(false);
  });

  it('does not write over a model of the plan', async () => {
    await writeFile(join(folder, 'notes.txt'), 'mine');
    const own = await skein('merge', 'plan', '-o', 'plan/cow.onnx');
    expect(own).toMatchObject({ code: 2, stdout: '' });
    const other = await skein('merge', 'plan', '-o', 'notes.txt');
    expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining('--output must end in .onnx') });
  });
});
