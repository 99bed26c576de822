import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sharedDir } from '../../test/shared.ts';
import { SMALL_SHAPE, SMALL_SIZE, writeSmallModel } from '../../test/small-models.ts';
import type { BufferPool } from '../base/index.ts';
import { Tensor } from '../graph/index.ts';
import { readModel, writeModel } from '../onnx/index.ts';
import { Engine, type LoadedModel } from './engine.ts';
import type { TensorData } from './tensor-data.ts';

describe.skipIf(sharedDir === undefined)('Engine on resnet20 (needs ../shared)', () => {
  let engine: Engine;
  let model: LoadedModel;
  beforeAll(async () => {
    engine = new Engine({ workers: 2 });
    model = await engine.load(`${sharedDir}/models/resnet20.onnx`);
  });
  afterAll(() => engine.close());

  /** Images that differ by row, so that a mixed-up answer shows. */
  const feeds = (rows: readonly number[]) => (buffers: BufferPool) => {
    const data = buffers.float32(rows.length * 3072);
    for (const [i, value] of rows.entries()) data.fill(value / 10, i * 3072, (i + 1) * 3072);
    return { input: { dtype: 'float32' as const, dims: [rows.length, 3, 32, 32], data } };
  };
  const logits = async (rows: readonly number[]) => (await model.run(feeds(rows))).outputs.logits?.data as Float32Array;

  it('says what goes in and out', () => {
    expect(model.inputs).toEqual([{ name: 'input', dtype: 'float32', dims: ['batch', 3, 32, 32] }]);
    expect(model.outputs).toEqual([{ name: 'logits', dtype: 'float32', dims: ['batch', 10] }]);
  });

  it('answers each of many runs at once with its own result', async () => {
    const alone = await Promise.all(Array.from({ length: 8 }, (_, i) => logits([i])));
    const again = await Promise.all(Array.from({ length: 40 }, (_, i) => logits([i % 8])));
    again.forEach((result, i) => {
      expect(result).toEqual(alone[i % 8]);
    });
    expect(new Set(alone.map((row) => row[0])).size).toBe(8);
  });

  it('loses no run when one thread after the other is killed under load', async () => {
    const before = await logits([3]);
    // A run whose thread dies twice fails: the second thread is killed under a load of its own.
    for (const worker of [0, 1]) {
      const runs = Array.from({ length: 30 }, () => logits([3]));
      await engine.killWorker(worker);
      for (const result of await Promise.all(runs)) expect(result).toEqual(before);
    }
  });

  it('refuses feeds of the wrong shape and goes on', async () => {
    const wrong = model.run((buffers) => ({
      input: { dtype: 'float32', dims: [1, 3, 16, 16], data: buffers.float32(768) },
    }));
    await expect(wrong).rejects.toMatchObject({ code: 'invalid-argument' });
    const misnamed = model.run(() => ({ input: { type: 'float32', dims: [1, 3, 32, 32] } as unknown as TensorData }));
    await expect(misnamed).rejects.toMatchObject({
      code: 'invalid-argument',
      message:
        "The model's input 'input' must be a tensor { dtype, dims, data } of float32 [batch,3,32,32], received no dtype",
    });
    expect(await logits([1])).toHaveLength(10);
  });

  it('refuses a file that is no ONNX, and goes on', async () => {
    await expect(engine.load(new Uint8Array([1, 2, 3]))).rejects.toMatchObject({ code: 'corrupt' });
    expect(await logits([1])).toHaveLength(10);
  });

  it('profile() times the layers that are executed', async () => {
    const layers = await engine.profile(`${sharedDir}/models/resnet20.onnx`, feeds([1]), 3, 'all');
    // ResNet-20: 19 convolutions and one fully connected layer.
    expect(layers.filter((layer) => layer.opType === 'Conv')).toHaveLength(19);
    expect(layers.every((layer) => layer.ms > 0)).toBe(true);
  });

  it('unload() answers first what was asked', async () => {
    const second = await engine.load(`${sharedDir}/models/resnet20.onnx`);
    const runs = Array.from({ length: 8 }, () => second.run(feeds([1])));
    await second.unload();
    expect((await Promise.all(runs)).every(({ outputs }) => outputs.logits?.dims[1] === 10)).toBe(true);
  });

  it('stays one network when its file changes and its threads are replaced', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'skein-engine-'));
    const file = join(folder, 'model.onnx');
    await copyFile(`${sharedDir}/models/resnet20.onnx`, file);
    const second = await engine.load(file);
    await copyFile(`${sharedDir}/models/resnet56.onnx`, file);
    await engine.killWorker(0);
    await engine.killWorker(1);
    const runs = await Promise.all(Array.from({ length: 6 }, () => second.run(feeds([3]))));
    const expected = await logits([3]);
    for (const { outputs } of runs) expect(outputs.logits?.data).toEqual(expected);
    await second.unload();
    await rm(folder, { recursive: true });
  });

  it('unload() frees the session', async () => {
    const second = await engine.load(`${sharedDir}/models/resnet20.onnx`);
    await second.run(feeds([1]));
    await second.unload();
    await expect(second.run(feeds([1]))).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('Engine', () => {
  it('profile() reads what each of many threads wrote, however close to each other they began', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'skein-engine-'));
    const file = await writeSmallModel(join(folder, 'small.onnx'));
    const engine = new Engine({ workers: 8 });
    try {
      for (let i = 0; i < 20; i++) {
        const layers = await engine.profile(
          file,
          (buffers) => ({ input: { dtype: 'float32', dims: [1, ...SMALL_SHAPE], data: buffers.float32(SMALL_SIZE) } }),
          4,
        );
        expect(layers.filter(({ opType }) => opType === 'Conv')).toHaveLength(1);
      }
    } finally {
      await engine.close();
      await rm(folder, { recursive: true });
    }
  });
});

describe('Engine.load() of a .skz file', () => {
  let folder: string;
  let engine: Engine;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'skein-engine-'));
    engine = new Engine({ workers: 2 });
  });
  afterAll(async () => {
    await engine.close();
    await rm(folder, { recursive: true });
  });

  const scores = async (model: LoadedModel) => {
    const feed = (buffers: BufferPool) => {
      const data = buffers.float32(SMALL_SIZE).map((_, i) => Math.sin(i));
      return { input: { dtype: 'float32' as const, dims: [1, ...SMALL_SHAPE], data } };
    };
    return (await model.run(feed)).outputs.logits?.data as Float32Array;
  };

  it('computes what the model in it computes, by path and by bytes; a damaged one is corrupt', async () => {
    const { graph, ...rest } = await readModel(await writeSmallModel(join(folder, 'm.onnx')));
    const signs = [...graph.initializers].map(([name, tensor]): [string, Tensor] =>
      tensor.dtype === 'float32'
        ? [name, Tensor.float32(tensor.dims, tensor.float32s().map(Math.sign))]
        : [name, tensor],
    );
    const model = { ...rest, graph: { ...graph, initializers: new Map(signs) } };
    const [plain, coded] = [join(folder, 'm.onnx'), join(folder, 'm.skz')];
    await writeModel(model, plain);
    await writeModel(model, coded);
    const bytes = await readFile(coded);
    expect(bytes.length).toBeLessThan((await readFile(plain)).length);
    const expected = await scores(await engine.load(plain));
    expect(new Set(expected).size).toBeGreaterThan(2);
    expect(await scores(await engine.load(coded))).toEqual(expected);
    expect(await scores(await engine.load(bytes))).toEqual(expected);
    bytes[bytes.length - 3] = (bytes.at(-3) as number) ^ 1;
    await writeFile(coded, bytes);
    await expect(engine.load(coded)).rejects.toMatchObject({ code: 'corrupt' });
    await expect(engine.load(coded)).rejects.toThrow('its checksum does not fit');
  });
});
