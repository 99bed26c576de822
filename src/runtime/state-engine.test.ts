import { afterEach, describe, expect, it } from 'vitest';
import { serializeModel } from '../onnx/index.ts';
import { GraphBuilder } from '../ops/index.ts';
import { StateEngine } from './state-engine.ts';

const engines: StateEngine[] = [];
afterEach(async () => {
  await Promise.all(engines.splice(0).map((engine) => engine.close()));
});

/** next = state + x, and their sum. */
function adder(size: number): Uint8Array {
  const b = new GraphBuilder();
  const next = b.add(b.input('state', 'float32', [size]), b.input('x', 'float32', [size]));
  b.output('next', next);
  b.output('sum', b.op('ReduceSum', [next], { keepdims: 0 }));
  return serializeModel(b.build());
}

async function open(size: number) {
  const engine = new StateEngine({ threads: 1 });
  engines.push(engine);
  const model = await engine.load(adder(size));
  await engine.put({ state: { dtype: 'float32', dims: [size], data: new Float32Array(size) } });
  const add = (value: number) =>
    model.run({ x: { dtype: 'float32', dims: [size], data: new Float32Array(size).fill(value) } }, { state: 'next' });
  return { engine, model, add };
}

describe('StateEngine', () => {
  it('keeps what a run made for the next, and gives the rest', async () => {
    const { engine, add } = await open(4);
    expect(Object.keys((await add(1)).outputs)).toEqual(['sum']);
    expect((await add(2)).outputs.sum?.data).toEqual(Float32Array.of(12));
    expect((await engine.get(['state'])).state?.data).toEqual(Float32Array.of(3, 3, 3, 3));
    // What was given is a copy.
    const first = (await engine.get(['state'])).state?.data as Float32Array;
    first.fill(100);
    expect((await add(0)).outputs.sum?.data).toEqual(Float32Array.of(12));
  });

  it('runs what is sent ahead in its order', async () => {
    const { add } = await open(1);
    const sums = await Promise.all([1, 2, 3, 4].map((value) => add(value)));
    expect(sums.map(({ outputs }) => outputs.sum?.data[0])).toEqual([1, 3, 6, 10]);
  });

  it('gives the buffers of the feeds back', async () => {
    const { model } = await open(4);
    const data = new Float32Array(4);
    const { buffers } = await model.run({ x: { dtype: 'float32', dims: [4], data } }, { state: 'next' });
    expect(data.length).toBe(0);
    expect(buffers.map(({ byteLength }) => byteLength)).toEqual([16]);
  });

  it('does not pile up what it kept before', async () => {
    // 4 MB a step: 400 steps would hold 1.6 GB.
    const { engine, add } = await open(1_000_000);
    for (let i = 0; i < 20; i++) await add(1);
    const before = process.memoryUsage().rss;
    for (let i = 0; i < 400; i++) await add(1);
    expect(process.memoryUsage().rss - before).toBeLessThan(500e6);
    expect((await engine.get(['state'])).state?.data[0]).toBe(420);
  });

  it('says that the thread died, and never goes on without what it kept', async () => {
    const { engine, model, add } = await open(4);
    await add(1);
    await engine.killWorker();
    const died = await add(1).catch((error) => error);
    expect(died).toMatchObject({ name: 'SkeinError', code: 'unavailable' });
    expect(died.message).toMatch(/^The training thread died \(.+\): go on from the last checkpoint$/);
    await expect(engine.get(['state'])).rejects.toThrow('go on from the last checkpoint');
    await expect(model.run({})).rejects.toThrow('go on from the last checkpoint');
  });

  it('refuses what is not there, and feeds of the wrong shape, and goes on', async () => {
    const { engine, model, add } = await open(4);
    await expect(engine.get(['other'])).rejects.toMatchObject({ code: 'unavailable' });
    const wrong = { x: { dtype: 'float32', dims: [3], data: new Float32Array(3) } } as const;
    await expect(model.run(wrong)).rejects.toMatchObject({ code: 'invalid-argument' });
    expect((await add(1)).outputs.sum?.data).toEqual(Float32Array.of(4));
  });

  it('tells a node that fails from inputs that are refused', async () => {
    const b = new GraphBuilder();
    b.output('y', b.reshape(b.input('x', 'float32', ['n']), [2, 2]));
    const engine = new StateEngine({ threads: 1 });
    engines.push(engine);
    const model = await engine.load(serializeModel(b.build()));
    const run = (size: number) =>
      model.run({ x: { dtype: 'float32', dims: [size], data: new Float32Array(size) } }).catch((error) => error);
    expect(await run(4)).toMatchObject({ outputs: { y: { dims: [2, 2] } } });
    expect(await run(3)).toMatchObject({
      code: 'internal',
      message: expect.stringMatching(/^ONNX Runtime failed: .*Reshape/),
    });
    const missing = await model.run({}).catch((error) => error);
    expect(missing).toMatchObject({ code: 'invalid-argument' });
  });

  it('tells a device that is not there from a model that is no good', async () => {
    const b = new GraphBuilder();
    b.output('y', b.relu(b.input('x', 'float32', ['n'])));
    for (const device of ['cuda', 'webgpu'] as const) {
      const engine = new StateEngine({ threads: 1, device });
      engines.push(engine);
      const loaded = await engine.load(serializeModel(b.build())).catch((error) => error);
      // Where there is one it loads. What is said is for people: no files and functions of C++.
      if (loaded instanceof Error) {
        expect(loaded).toMatchObject({
          code: 'unsupported',
          message: expect.stringMatching(
            new RegExp(`^ONNX Runtime cannot use the device '${device}': (?!.*(::|\\.cc)).*; take the device cpu$`),
          ),
        });
      }
      await expect(engine.load(Uint8Array.of(1, 2, 3))).rejects.toMatchObject({ code: 'corrupt' });
    }
  });
});
