import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { colorModel, writeColorData } from '../../test/color-world.ts';
import { skeinIn } from '../../test/run-skein.ts';
import { withDescription } from '../data/index.ts';
import { writeModel } from '../onnx/index.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-cli-'));
  await writeColorData(join(folder, 'data'), 400);
  // Costly enough that a big model of 40 times as many convolutions is certainly slower.
  await writeModel(colorModel({ channel: 'red', gain: 4000 }), join(folder, 'small.onnx'));
  await writeModel(colorModel({ channel: 'green', ballast: 40 }), join(folder, 'big.onnx'));
});
afterAll(() => rm(folder, { recursive: true }));

const skein = skeinIn(() => folder);
const DATA = ['--data', 'data', '--split', 'test', '--mean', '0,0,0', '--std', '1,1,1'];

describe('skein', () => {
  it('explains itself', async () => {
    const help = await skein('--help');
    expect(help).toMatchObject({ code: 0, stderr: '' });
    for (const command of ['evaluate', 'pair', 'profile']) expect(help.stdout).toContain(command);
    expect(await skein('pair', '--help')).toMatchObject({ code: 0, stdout: expect.stringContaining('--max-drop') });
    expect((await skein('--version')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('says on one line what failed, and shows the stack with --verbose only', async () => {
    const failed = await skein('evaluate', 'none.onnx', '--data', 'data', '--split', 'test');
    expect(failed).toEqual({
      code: 1,
      stdout: '',
      stderr: "error: Cannot open 'none.onnx': there is no such file or folder\n",
    });
    const verbose = await skein('evaluate', 'none.onnx', '--data', 'data', '--verbose');
    expect(verbose.stderr).toContain('\n    at ');
  });
});

describe('skein evaluate', () => {
  it('prints one JSON object, the fields of the design', async () => {
    const { code, stdout } = await skein('evaluate', 'big.onnx', ...DATA, '--json', '--limit', '100');
    expect(code).toBe(0);
    expect(stdout.match(/\n/g)).toHaveLength(1);
    const report = JSON.parse(stdout);
    expect(Object.keys(report)).toEqual([
      'samples',
      'top1',
      'top5',
      'latencyMs',
      'throughput',
      'batch',
      'params',
      'macs',
      'bytes',
      'nodes',
    ]);
    expect(report).toMatchObject({ samples: 100, top1: 1, top5: 1, nodes: [{ path: 'root', share: 1 }] });
    expect(Object.keys(report.nodes[0])).toEqual(['path', 'share', 'params', 'macs', 'bytes', 'latencyMs']);
  });
});

describe('skein pair', () => {
  it('writes a plan that evaluate takes, and prints the curve', async () => {
    const paired = await skein('pair', 'small.onnx', 'big.onnx', ...DATA, '-o', 'out', '--max-drop', '0.01');
    expect(paired.stdout).toContain('<- picked');
    expect(paired.code).toBe(0);
    const plan = JSON.parse(readFileSync(join(folder, 'out', 'plan.json'), 'utf8'));
    expect(plan).toMatchObject({ name: 'out', root: { cascade: { small: { model: 'small.onnx' } } } });
    const { stdout } = await skein('evaluate', 'out', '--data', 'data', '--split', 'test', '--json');
    expect(JSON.parse(stdout).top1).toBeGreaterThanOrEqual(0.99);
  });

  it('fills in by a plan what a bare model does not say, and nothing that it says otherwise', async () => {
    const { labels } = JSON.parse(readFileSync(join(folder, 'out', 'plan.json'), 'utf8'));
    const described = (name: string, more: object) =>
      writeModel(
        withDescription(colorModel({ channel: 'red', gain: 4000 }), {
          labels,
          preprocessing: { mean: [0, 0, 0], std: [1, 1, 1] },
          ...more,
        }),
        join(folder, name),
      );
    await described('reversed.onnx', { labels: labels.toReversed() });
    await described('shifted.onnx', {
      preprocessing: { mean: [0.1, 0.1, 0.1], std: [0.9, 0.9, 0.9] },
    });
    const pair = (small: string) => skein('pair', small, 'out', '--data', 'data', '--split', 'test', '-o', 'filled');
    expect((await pair('reversed.onnx')).stderr).toMatch(/they must have the same labels/);
    expect((await pair('shifted.onnx')).stderr).toMatch(/they must have the same mean/);
    expect((await pair('small.onnx')).stdout).toContain('mean and std from the plan, labels from the plan');
  });

  it('guesses nothing of the images where their split says that they are held out', async () => {
    const models = ['small', 'big'].map((size) =>
      fileURLToPath(new URL(`../../../models/shapes-${size}.onnx`, import.meta.url)),
    );
    const on = ['--data', 'shapes', '--limit', '500', '--max-drop', '0.05', '-o', 'shapes'];
    expect((await skein('pair', ...models, ...on)).stderr).not.toContain('held-out');
  });

  it('refuses options of bare models where there is none', async () => {
    const refused = await skein('pair', 'one.json', 'other.json', ...DATA, '-o', 'never');
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringMatching(/^error: --mean is of bare models/) });
  });

  it('says so, exits 1 and writes nothing where it does not pay', async () => {
    const { code, stdout, stderr } = await skein('pair', 'big.onnx', 'small.onnx', ...DATA, '-o', 'never', '--json');
    expect(code).toBe(1);
    expect(stderr).toMatch(/error: No threshold pays: 'big' costs .* are the two swapped\?; no plan was written\n$/);
    expect(JSON.parse(stdout)).toMatchObject({ plan: null, verdict: 'too-slow', confidence: null });
    expect(existsSync(join(folder, 'never'))).toBe(false);
  });

  it('says that the small model suffices where the big one would never be asked, and marks nothing as picked', async () => {
    await writeModel(colorModel({ channel: 'green' }), join(folder, 'as-good.onnx'));
    const { code, stdout, stderr } = await skein('pair', 'as-good.onnx', 'big.onnx', ...DATA, '-o', 'never');
    expect(code).toBe(1);
    expect(stderr).toMatch(/No threshold pays: .* serve 'as-good' alone, .*; no plan was written\n$/);
    expect(stdout).toContain('mean and std from the options of the call, labels from convention');
    expect(stdout).not.toContain('<- picked');
    expect(existsSync(join(folder, 'never'))).toBe(false);
  });

  it('says before it measures that it cannot write there', async () => {
    const pair = (output: string) =>
      skein('pair', 'small.onnx', 'big.onnx', '--data', 'no-such-data', '-o', output).then(({ stderr }) => stderr);
    expect(await pair('small.onnx')).toMatch(
      /^error: Cannot write into '.*small.onnx': it is a file; name a folder\n$/,
    );
    await mkdir(join(folder, 'taken'));
    await writeFile(join(folder, 'taken', 'plan.json'), '{}');
    expect(await pair('taken')).toMatch(
      /^error: Cannot write 'taken\/plan.json': .*choose another folder or remove it\n$/,
    );
  });

  it('warns where it had to guess how images are normalised', async () => {
    const { stderr } = await skein('pair', 'small.onnx', 'big.onnx', '--data', 'data', '-o', 'guess', '--limit', '10');
    expect(stderr).toContain(
      "warning: model 'small': nothing says how images are normalised: guessed mean 0.485,0.456",
    );
  });
});

describe('skein profile', () => {
  it('prints a row a layer and the total', async () => {
    const { code, stdout } = await skein('profile', 'small.onnx', '--runs', '2');
    expect(code).toBe(0);
    expect(stdout).toMatch(/GlobalAveragePool .*\n.*Flatten .*\n.*Gemm +\[1,10\] +40 +30 .*\ntotal +40 +30 /);
  });

  it('does not ask for the classes of a model that leaves their number open', async () => {
    const model = colorModel({ channel: 'red' });
    const outputs = model.graph.outputs.map(({ name }) => ({
      name,
      type: { dtype: 'float32', dims: ['n', 'k'] } as const,
    }));
    await writeModel({ ...model, graph: { ...model.graph, outputs } }, join(folder, 'open.onnx'));
    const { code, stdout, stderr } = await skein('profile', 'open.onnx', '--runs', '2');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/total +40 +30 /);
  });

  it('takes a plan of one model, and says what is missing', async () => {
    expect((await skein('profile', 'none.onnx')).stderr).toBe(
      "error: Cannot read model 'none.onnx': there is no such file\n",
    );
    await skein('pair', 'small.onnx', 'big.onnx', ...DATA, '-o', 'two', '--max-drop', '0.01');
    const { code, stdout } = await skein('profile', 'two', '--runs', '2');
    expect(code).toBe(0);
    expect(stdout).toMatch(/root\.cascade\.small +small\.onnx +40 +30 .*\nroot\.cascade\.big +big\.onnx .*\ntotal /);
  });

  it('shows what each part of a parallel plan takes, and which one an image waits for', async () => {
    const parts = [
      { classes: [0, 1, 2, 3, 4, 5, 6], ballast: 20 },
      { classes: [7, 8, 9], ballast: 0 },
      { classes: [10], ballast: 0 },
    ];
    for (const [index, { classes, ballast }] of parts.entries()) {
      await writeModel(colorModel({ channel: 'red', part: classes, ballast }), join(folder, `part-${index}.onnx`));
    }
    const labels = Array.from({ length: 11 }, (_, k) => `class ${k}`);
    const root = {
      parallel: {
        other: 'dropped',
        parts: parts.map(({ classes }, index) => ({
          classes: classes.map((k) => labels[k]),
          node: { model: `part-${index}.onnx` },
        })),
      },
    };
    const input = { shape: [3, 32, 32], mean: [0, 0, 0], std: [1, 1, 1] };
    await writeFile(join(folder, 'parts.json'), JSON.stringify({ skein: 1, name: 'parts', input, labels, root }));
    const { code, stdout } = await skein('profile', 'parts.json', '--runs', '3');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^parts: each model by itself, one image\n/);
    expect(stdout).toMatch(/root\.parallel\.1 +part-1\.onnx +16 +12 .*\nroot\.parallel\.2 +part-2\.onnx +4 +3 /);
    expect(stdout).toMatch(
      /\nroot waits for root\.parallel\.[012], its slowest part: [\d.]+ ms .*\n {2}[\d.]+ ms on 1 worker, .*\n {2}[\d.]+ ms on 2 workers, longest first\n$/,
    );
    const { models, parallel } = JSON.parse((await skein('profile', 'parts.json', '--runs', '3', '--json')).stdout);
    const times: number[] = models.map(({ ms }: { ms: number }) => ms);
    const most = Math.max(...times);
    const { slowest, combinationMs, criticalPathMs, onWorkers } = parallel[0];
    expect([slowest, criticalPathMs]).toEqual([`root.parallel.${times.indexOf(most)}`, most + combinationMs]);
    expect(combinationMs).toBeGreaterThan(0);
    expect(onWorkers[0].ms).toBeCloseTo(
      times.reduce((sum, ms) => sum + ms, combinationMs),
      9,
    );
  });
});
