import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ECHO_LABELS, ECHO_SHAPE, type FakeServer, startFakeServer } from '../../../test/fake-server.ts';
import type { Batch, Dataset } from '../../data/index.ts';
import { openData } from '../../data/index.ts';
import { indexOfLargest } from './http-workload.ts';
import { httpInferenceWorkload } from './inference-workload.ts';
import { loadPayloads } from './payloads.ts';
import { runLoad } from './run-load.ts';
import { describeTarget } from './target.ts';
import { PAYLOADS } from './words.ts';

const normalization = { mean: [0, 0, 0], std: [1, 1, 1] };
let server: FakeServer;
beforeEach(async () => {
  server = await startFakeServer();
});
afterEach(async () => {
  await server.close();
});

/** Four images whose tensor or file begins with the class it shall be given; the classes come in another order. */
function echoData(): Dataset {
  const classNames = [...ECHO_LABELS].reverse();
  const labels = Int32Array.of(2, 0, 3, 1);
  const answers = [...labels].map((label) => ECHO_LABELS.indexOf(classNames[label] as string));
  return {
    source: 'echo',
    classNames,
    labels,
    size: labels.length,
    label: (i: number) => labels[i],
    encoded: (i: number) => Uint8Array.of(answers[i] as number, 99),
    async *batches(): AsyncIterable<Batch> {
      const data = new Float32Array(labels.length * 48);
      for (const [i, answer] of answers.entries()) data[i * 48] = answer;
      yield { data, labels, indices: Uint32Array.of(0, 1, 2, 3), count: 4, first: 0 };
    },
  } as unknown as Dataset;
}

describe('httpInferenceWorkload', () => {
  it.each(PAYLOADS)('sends %s requests that are answered for what they hold', async (payload) => {
    const target = await describeTarget({ url: server.url }, 'echo');
    const payloads = await loadPayloads(echoData(), target, payload, normalization);
    const workload = httpInferenceWorkload({ url: server.url, token: 'secret' }, target, payload, payloads);
    const result = await runLoad(workload, { connections: 2, requests: 8, warmupMs: 0 });
    expect(result).toMatchObject({ sent: 8, ok: 8, top1: 1 });
    expect(server.requests.every(({ headers }) => headers.authorization === 'Bearer secret')).toBe(true);
  });
});

describe('describeTarget', () => {
  it('learns signature and labels', async () => {
    const target = await describeTarget({ url: server.url }, 'echo');
    expect(target.input).toMatchObject({ name: 'input', shape: [-1, ...ECHO_SHAPE] });
    expect(target.output.name).toBe('scores');
    expect(target.labels).toEqual(ECHO_LABELS);
  });

  it('names the models that are there where one is not', async () => {
    await expect(describeTarget({ url: server.url }, 'resnet')).rejects.toMatchObject({
      code: 'not-found',
      message: `${server.url.origin} has no model 'resnet'; it serves 'echo'`,
    });
  });

  it('says that there is no server', async () => {
    await server.close();
    await expect(describeTarget({ url: server.url }, 'echo')).rejects.toMatchObject({
      code: 'unavailable',
      message: `Cannot reach ${server.url.origin}: connection refused; is the server running?`,
    });
  });
});

describe('loadPayloads', () => {
  it('refuses image requests from data without image files', async () => {
    const data = await openData('shapes', { split: 'test', limit: 2 });
    const target = await describeTarget({ url: server.url }, 'echo');
    await expect(loadPayloads(data, target, 'image', normalization)).rejects.toMatchObject({
      code: 'invalid-argument',
      message: /holds pixels, not image files.*use --payload tensor/,
    });
  });

  it('takes classes by place where the names differ but not their number', async () => {
    const target = { ...(await describeTarget({ url: server.url }, 'echo')), labels: ['0', '1', '2', '3'] };
    const payloads = await loadPayloads(echoData(), target, 'image', normalization);
    expect([...payloads.labels]).toEqual([2, 0, 3, 1]);
  });

  it('knows no right class where data and model differ in their number', async () => {
    const described = await describeTarget({ url: server.url }, 'echo');
    const target = { ...described, labels: ['0', '1'], output: { ...described.output, shape: [-1, 2] } };
    const payloads = await loadPayloads(echoData(), target, 'image', normalization);
    expect([...payloads.labels]).toEqual([-1, -1, -1, -1]);
    expect(payloads.warning).toMatch(/classes \(star, square, ring, …\) are not those of 'echo' \(0, 1\): no accuracy/);
  });

  it('knows no right class where the names are others, though as many', async () => {
    const target = { ...(await describeTarget({ url: server.url }, 'echo')), labels: ['a', 'b', 'c', 'd'] };
    const payloads = await loadPayloads(echoData(), target, 'image', normalization);
    expect([...payloads.labels]).toEqual([-1, -1, -1, -1]);
  });

  it('says so where the server names no classes, and takes those of the data in their order', async () => {
    const { labels: _, ...target } = await describeTarget({ url: server.url }, 'echo');
    const payloads = await loadPayloads(echoData(), target, 'image', normalization);
    expect([...payloads.labels]).toEqual([2, 0, 3, 1]);
    expect(payloads.warning).toMatch(/does not name the classes/);
  });

  it('reads files of a folder as they are', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'skein-load-'));
    try {
      await mkdir(join(folder, 'star'));
      await writeFile(join(folder, 'star', '0.jpg'), 'not decoded here');
      const data = await openData(folder);
      const target = await describeTarget({ url: server.url }, 'echo');
      const { contents, labels } = await loadPayloads(data, target, 'image', normalization);
      expect(contents.map((file) => Buffer.from(file).toString())).toEqual(['not decoded here']);
      expect([...labels]).toEqual([3]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('indexOfLargest', () => {
  it('reads little-endian floats at any offset', () => {
    const bytes = Buffer.alloc(13);
    bytes.writeFloatLE(-2, 1);
    bytes.writeFloatLE(3.5, 5);
    bytes.writeFloatLE(3.5, 9);
    expect(indexOfLargest(bytes.subarray(1))).toBe(1);
  });
});
