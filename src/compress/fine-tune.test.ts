import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { smallImages, smallOptions } from '../../test/small-training.ts';
import type { Model } from '../graph/index.ts';
import { serializeModel } from '../onnx/index.ts';
import { fineTune, removeCheckpoint } from './fine-tune.ts';
import { aboutStages, Stages } from './stages.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-stages-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const bytes = (model: Model) => Buffer.from(serializeModel(model)).toString('base64');

it('goes on where it was interrupted, to the same weights', async () => {
  const training = await smallImages();
  const { model, ...options } = smallOptions(training);
  const unbroken = await fineTune(model, { ...options, validation: training });
  expect(bytes(unbroken)).not.toBe(bytes(model));
  const checkpoint = join(folder, 'half');
  const stop = new AbortController();
  const broken = fineTune(
    model,
    { ...options, validation: training },
    { checkpoint, signal: stop.signal, onStep: ({ step }) => void (step === 7 && stop.abort()) },
  );
  await expect(broken).rejects.toMatchObject({ code: 'cancelled' });
  const starts: number[] = [];
  const resumed = await fineTune(
    model,
    { ...options, validation: training },
    { checkpoint, onStart: ({ step }) => void starts.push(step) },
  );
  expect(starts[0]).toBeGreaterThanOrEqual(7);
  expect(bytes(resumed)).toBe(bytes(unbroken));
  await removeCheckpoint(checkpoint);
  expect(await readdir(folder)).toEqual([]);
});

it('gives the best epoch back, also when it was before the interruption', async () => {
  const training = await smallImages();
  const { model, ...options } = smallOptions(training);
  // A rate that ruins the network in the second epoch.
  const ruin = { ...options, schedule: 'step', milestones: [0.5], gamma: 0, epochs: 2, rate: 0.05 } as const;
  const best = await fineTune(model, { ...ruin, validation: training });
  const last = await fineTune(model, { ...ruin, validation: training, keep: 'last' });
  expect([bytes(best), bytes(last)]).toContain(bytes(await fineTune(model, { ...ruin, keep: 'last' })));
  const checkpoint = join(folder, 'half');
  const stop = new AbortController();
  const broken = fineTune(
    model,
    { ...ruin, validation: training },
    { checkpoint, signal: stop.signal, onEpoch: () => stop.abort() },
  );
  await expect(broken).rejects.toMatchObject({ code: 'cancelled' });
  expect(bytes(await fineTune(model, { ...ruin, validation: training }, { checkpoint }))).toBe(bytes(best));
});

it('refuses the checkpoint of another training', async () => {
  const training = await smallImages();
  const { model, ...options } = smallOptions(training);
  const checkpoint = join(folder, 'half');
  await fineTune(model, { ...options, seed: 1 }, { checkpoint });
  await expect(fineTune(model, options, { checkpoint })).rejects.toThrow(
    'The checkpoint is of a run with seed 1, not 7: repeat',
  );
});

describe('Stages', () => {
  it('makes a model once, and anew for other settings', async () => {
    const training = await smallImages(10);
    const { model } = smallOptions(training);
    const stages = new Stages(join(folder, 'steps'));
    let made = 0;
    const make = async () => {
      made++;
      return model;
    };
    const first = await stages.model('a', [model, { rate: 1 }], make);
    const again = await new Stages(join(folder, 'steps')).model('a', [model, { rate: 1 }], make);
    expect([made, bytes(again)]).toEqual([1, bytes(first)]);
    await stages.model('a', [model, { rate: 2 }], make);
    expect(made).toBe(2);
    await stages.clear();
    expect(await readdir(folder)).toEqual([]);
  });

  it('does not take what was made half with other settings for what was sealed before', async () => {
    const stages = new Stages(join(folder, 'steps'));
    const make = (value: number) => () => Promise.resolve(value);
    expect(await stages.value('v', ['a'], make(1))).toBe(1);
    // As a power cut between result and seal leaves it.
    await stages.value('v', ['b'], make(2));
    await rm(join(folder, 'steps', 'v.settings'));
    expect(await stages.value('v', ['a'], make(3))).toBe(3);
    await stages.value('v', ['a'], make(4));
    const cut = stages.value('v', ['b'], () => Promise.reject(new Error('cut')));
    await expect(cut).rejects.toThrow('cut');
    expect(await stages.value('v', ['a'], make(5))).toBe(5);
  });

  it('has a checkpoint of its own for other settings', async () => {
    const { model } = smallOptions(await smallImages(10));
    const stages = new Stages(join(folder, 'steps'));
    const paths: (string | undefined)[] = [];
    const half = async (checkpoint: string | undefined) => {
      paths.push(checkpoint);
      throw new Error('half');
    };
    for (const rate of [1, 2, 1]) await expect(stages.model('a', [{ rate }], half)).rejects.toThrow('half');
    expect(paths[0]).toBe(paths[2]);
    expect(paths[0]).not.toBe(paths[1]);
    expect(await stages.model('a', [], async () => model)).toBe(model);
  });

  it('tells arrays of numbers apart, and refuses what JSON would leave out', async () => {
    const stages = new Stages(join(folder, 'steps'));
    const value = (setting: unknown, made: number) => stages.value('v', [setting], () => Promise.resolve(made));
    expect(await value(Uint32Array.of(1, 2), 1)).toBe(1);
    expect(await value(Uint32Array.of(1, 3), 2)).toBe(2);
    for (const unsayable of [{ a: new Map([[1, 2]]) }, { b: () => 1 }, [new Set([1])]]) {
      await expect(value(unsayable, 3)).rejects.toThrow(/A setting of a stage cannot hold/);
    }
  });

  it('says whose stages were left', async () => {
    expect(await aboutStages(join(folder, 'steps'))).toBeUndefined();
    await new Stages(join(folder, 'steps'), { epochs: 3 }).value('v', [], async () => 1);
    expect(await aboutStages(join(folder, 'steps'))).toEqual({ epochs: 3 });
  });

  it('keeps what JSON can say', async () => {
    const stages = new Stages(join(folder, 'steps'));
    const value = () => stages.value('ranks', ['x'], async () => ({ ranks: [Math.random()] }));
    expect(await value()).toEqual(await value());
  });

  it('keeps nothing of what failed', async () => {
    const stages = new Stages(join(folder, 'steps'));
    const fail = async () => {
      throw new Error('no');
    };
    await expect(stages.value('v', [], fail)).rejects.toThrow('no');
    expect(await readdir(folder)).toEqual([]);
    expect(await stages.value('v', [], async () => 5)).toBe(5);
  });
});
