import { beforeEach, expect, it } from 'vitest';
import { SkeinError } from '../base/index.ts';
import { type Deployment, Registry, type RegistryEvent } from './registry.ts';
import type { ModelVersion, Repository, RepositoryModel } from './repository.ts';

/** A model whose retirement waits until the test says that its last request is answered. */
class FakeDeployment implements Deployment {
  readonly name: string;
  readonly version: string;
  readonly path: string;
  retired: 'no' | 'asked' | 'done' = 'no';
  finish: () => void = () => {};

  constructor(name: string, { version, path }: ModelVersion) {
    this.name = name;
    this.version = version;
    this.path = path;
  }

  retire(): Promise<void> {
    this.retired = 'asked';
    return new Promise((resolve) => {
      this.finish = () => {
        this.retired = 'done';
        resolve();
      };
    });
  }
}

let models: RepositoryModel[];
let broken: Set<string>;
let events: RegistryEvent[];
let opening: (() => void)[] | undefined;

const repository: Repository = { list: async () => models };
const version = (number: number, content = 'a'): ModelVersion => ({
  version: String(number),
  path: `m/${number}`,
  fingerprint: `${number}${content}`,
});

function registryOf(versions: 'latest' | 'all' = 'latest'): Registry<FakeDeployment> {
  return new Registry({
    repository,
    versions,
    onEvent: (event) => events.push(event),
    open: async (name, each) => {
      if (opening !== undefined) await new Promise<void>((resolve) => opening?.push(resolve));
      if (broken.has(each.fingerprint)) throw new SkeinError('corrupt', `${each.path} is no ONNX`);
      return new FakeDeployment(name, each);
    },
  });
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

beforeEach(() => {
  models = [{ name: 'm', versions: [version(1), version(2)] }];
  broken = new Set();
  events = [];
  opening = undefined;
});

it('serves the newest version, or all of them', async () => {
  const latest = registryOf();
  expect(await latest.loadAll()).toEqual([]);
  expect(latest.get('m').version).toBe('2');
  expect(latest.versionsOf('m')).toEqual(['2']);
  expect(() => latest.get('m', '1')).toThrow(/no version '1' \(ready: 2\)/);

  const all = registryOf('all');
  await all.loadAll();
  expect(all.versionsOf('m')).toEqual(['1', '2']);
  expect(all.get('m', '1').version).toBe('1');
  expect(all.get('m').version).toBe('2');
});

it('orders versions as numbers', async () => {
  models = [{ name: 'm', versions: [version(2), version(9), version(10)] }];
  const registry = registryOf('all');
  await registry.loadAll();
  expect(registry.versionsOf('m')).toEqual(['2', '9', '10']);
  expect(registry.get('m').version).toBe('10');
});

it('keeps the old version serving until the new one is ready, then retires it once', async () => {
  const registry = registryOf();
  await registry.loadAll();
  const old = registry.get('m');
  models = [{ name: 'm', versions: [version(2), version(3)] }];
  opening = [];
  const loading = registry.load('m');
  await settled();
  expect(registry.get('m')).toBe(old);
  expect(registry.index()).toContainEqual({ name: 'm', version: '3', state: 'LOADING', reason: '' });
  opening[0]?.();
  await loading;
  expect(registry.get('m').version).toBe('3');
  expect(old.retired).toBe('asked');
  expect(registry.index()).toContainEqual(expect.objectContaining({ version: '2', state: 'UNLOADING' }));
  old.finish();
  await settled();
  expect(registry.index()).toContainEqual(expect.objectContaining({ version: '2', state: 'UNAVAILABLE' }));
});

it('reloads the same version beside itself', async () => {
  const registry = registryOf();
  await registry.loadAll();
  const old = registry.get('m');
  await registry.load('m');
  expect(registry.get('m')).not.toBe(old);
  expect(registry.get('m').version).toBe('2');
  expect(old.retired).toBe('asked');
});

it('a failed load leaves the old one serving, and says why', async () => {
  const registry = registryOf();
  await registry.loadAll();
  const old = registry.get('m');
  models = [{ name: 'm', versions: [version(3)] }];
  broken.add('3a');
  await expect(registry.load('m')).rejects.toThrow(/m\/3 is no ONNX/);
  expect(registry.get('m')).toBe(old);
  expect(old.retired).toBe('no');
  expect(registry.index()).toContainEqual({
    name: 'm',
    version: '3',
    state: 'UNAVAILABLE',
    reason: 'm/3 is no ONNX',
  });
});

it('a failed reload of the same version leaves it serving', async () => {
  const registry = registryOf();
  await registry.loadAll();
  const old = registry.get('m');
  broken.add('2a');
  await expect(registry.load('m')).rejects.toThrow(/no ONNX/);
  expect(registry.get('m')).toBe(old);
  expect(registry.index()).toContainEqual({ name: 'm', version: '2', state: 'READY', reason: 'm/2 is no ONNX' });
});

it('one broken model does not keep the others from being served', async () => {
  models.push({ name: 'bad', versions: [version(7)] });
  broken.add('7a');
  const registry = registryOf();
  expect(await registry.loadAll()).toHaveLength(1);
  expect(registry.get('m').version).toBe('2');
  expect(() => registry.get('bad')).toThrow(expect.objectContaining({ code: 'unavailable' }));
});

it('unloads after the last answer, and loads again', async () => {
  const registry = registryOf();
  await registry.loadAll();
  const held = registry.get('m');
  const unloading = registry.unload('m');
  await settled();
  expect(() => registry.get('m')).toThrow(expect.objectContaining({ code: 'unavailable' }));
  held.finish();
  await unloading;
  expect(registry.index()).toEqual([{ name: 'm', version: '2', state: 'UNAVAILABLE', reason: 'unloaded' }]);
  await registry.load('m');
  expect(registry.get('m').version).toBe('2');
});

it('names what there is where a model is unknown', async () => {
  const registry = registryOf();
  await registry.loadAll();
  expect(() => registry.get('x')).toThrow(/no model 'x'; there is m/);
  await expect(registry.load('x')).rejects.toMatchObject({ code: 'not-found' });
  await expect(registry.unload('x')).rejects.toMatchObject({ code: 'not-found' });
  expect(registry.index().map(({ name }) => name)).toEqual(['m']);
});

it('loads of one model at the same time happen one after another, and the last one serves', async () => {
  const registry = registryOf();
  await Promise.all([registry.load('m'), registry.load('m'), registry.load('m')]);
  expect(events.filter(({ kind }) => kind === 'loaded')).toHaveLength(3);
  expect([...registry.deployments()]).toHaveLength(1);
  expect(registry.get('m').retired).toBe('no');
});

it('two loads of a model that is not there yet: the second, which finds it, serves it', async () => {
  const { list } = repository;
  let calls = 0;
  repository.list = async () => (calls++ === 0 ? [] : models);
  const registry = registryOf();
  const loads = await Promise.allSettled([registry.load('m'), registry.load('m')]);
  repository.list = list;
  expect(loads.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  expect(registry.get('m').version).toBe('2');
  expect(registry.index()).toHaveLength(1);
});

it('a repository that cannot be read is an error of the load, and leaves what serves', async () => {
  const registry = registryOf();
  await registry.loadAll();
  const { list } = repository;
  repository.list = () => Promise.reject(new Error('ENOENT'));
  expect(await registry.loadAll()).toMatchObject([{ code: 'internal', message: 'ENOENT' }]);
  repository.list = list;
  expect(registry.get('m').version).toBe('2');
});

it('forgets why a version failed, or was replaced, once it is gone from the repository', async () => {
  const registry = registryOf();
  await registry.loadAll();
  broken.add('3a');
  models = [{ name: 'm', versions: [version(2), version(3)] }];
  await expect(registry.load('m')).rejects.toThrow(/no ONNX/);
  const old = registry.get('m');
  models = [{ name: 'm', versions: [version(2), version(3), version(4)] }];
  await registry.load('m');
  old.finish();
  await settled();
  expect(registry.index()).toEqual([
    { name: 'm', version: '2', state: 'UNAVAILABLE', reason: 'replaced by a newer version' },
    { name: 'm', version: '3', state: 'UNAVAILABLE', reason: 'm/3 is no ONNX' },
    { name: 'm', version: '4', state: 'READY', reason: '' },
  ]);
  models = [{ name: 'm', versions: [version(4)] }];
  await registry.load('m');
  expect(registry.index()).toEqual([{ name: 'm', version: '4', state: 'READY', reason: '' }]);
});

it('forgets a model that never loaded and is gone from the repository', async () => {
  models.push({ name: 'bad', versions: [version(7)] });
  broken.add('7a');
  const registry = registryOf();
  await registry.loadAll();
  models.pop();
  await registry.loadAll();
  expect(registry.index().map(({ name }) => name)).toEqual(['m']);
  expect(() => registry.get('bad')).toThrow(expect.objectContaining({ code: 'not-found' }));
});

it('the index of a model that is replaced again and again does not grow', async () => {
  const registry = registryOf();
  await registry.loadAll();
  for (let number = 3; number <= 30; number++) {
    const old = registry.get('m');
    models = [{ name: 'm', versions: [version(number)] }];
    await registry.load('m');
    old.finish();
    await settled();
  }
  expect(registry.get('m').version).toBe('30');
  expect(registry.index()).toHaveLength(1);
});

it('polling loads what is new or changed once, and unloads what is gone', async () => {
  const registry = registryOf();
  await registry.loadAll();
  registry.pollEvery(0.005);
  const wait = () => new Promise((resolve) => setTimeout(resolve, 60));
  await wait();
  expect(events).toHaveLength(1);
  broken.add('3a');
  models = [{ name: 'm', versions: [version(3)] }];
  await wait();
  expect(events.map(({ kind }) => kind)).toEqual(['loaded', 'failed']);
  const first = registry.get('m');
  models = [{ name: 'm', versions: [version(3, 'b')] }];
  await wait();
  expect(registry.get('m').version).toBe('3');
  first.finish();
  const last = registry.get('m');
  models = [];
  await wait();
  expect(() => registry.get('m')).toThrow(expect.objectContaining({ code: 'unavailable' }));
  last.finish();
  await wait();
  expect(registry.index()).toEqual([]);
  await registry.close();
});

it('close() waits for what is retiring', async () => {
  const registry = registryOf();
  await registry.loadAll();
  const held = registry.get('m');
  let closed = false;
  const closing = registry.close().then(() => {
    closed = true;
  });
  await settled();
  expect(closed).toBe(false);
  held.finish();
  await closing;
  expect(closed).toBe(true);
});
