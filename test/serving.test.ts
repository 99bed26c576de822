/** The whole server in this process, over HTTP, with models on real threads: what it must survive. */
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Plan, readPlan } from '../src/plan/index.ts';
import { Engine, type LoadedModel } from '../src/runtime/index.ts';
import { type RunningServer, type ServerOptions, startServer } from '../src/serving/index.ts';
import { SMALL_SHAPE, SMALL_SIZE, smallImage, writeSmallModel } from './small-models.ts';

const LABELS = ['a', 'b', 'c', 'd'];
const INPUT = { name: 'input', shape: SMALL_SHAPE, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };

let folder: string;
let engine: Engine;
let first: LoadedModel;
let second: LoadedModel;
let server: RunningServer | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-serving-'));
  engine = new Engine({ workers: 1 });
  first = await engine.load(await writeSmallModel(join(folder, 'first.onnx'), { seed: 1 }));
  second = await engine.load(await writeSmallModel(join(folder, 'second.onnx'), { seed: 2 }));
});
afterEach(async () => {
  await server?.close(5000);
  server = undefined;
});
afterAll(async () => {
  await engine.close();
  await rm(folder, { recursive: true, force: true });
});

async function openPlan(file: string): Promise<Plan> {
  if (basename(file) === 'plan.json') return readPlan(file);
  return { name: basename(file, '.onnx'), input: INPUT, labels: LABELS, root: { kind: 'model', file } };
}

async function start(path: string, options: Partial<ServerOptions> = {}): Promise<RunningServer> {
  server = await startServer({
    path,
    openPlan,
    version: '0.0.0',
    logger: pino({ level: 'silent' }),
    port: 0,
    workers: 2,
    ...options,
  });
  return server;
}

/** What ONNX Runtime itself answers for an image. */
async function reference(model: LoadedModel, number: number): Promise<Float32Array> {
  const { outputs } = await model.run((buffers) => {
    const data = buffers.float32(SMALL_SIZE);
    data.set(smallImage(number));
    return { input: { dtype: 'float32', dims: [1, ...SMALL_SHAPE], data } };
  });
  return outputs.logits?.data as Float32Array;
}

interface Reply {
  readonly status: number;
  readonly error?: string;
  readonly version?: string;
  readonly logits?: Float32Array;
}

/** One request with a binary tensor, answered in binary. */
async function infer(url: string, model: string, numbers: readonly number[], parameters?: object): Promise<Reply> {
  const header = Buffer.from(
    JSON.stringify({
      parameters: { binary_data_output: true, ...parameters },
      inputs: [
        {
          name: 'input',
          datatype: 'FP32',
          shape: [numbers.length, ...SMALL_SHAPE],
          parameters: { binary_data_size: numbers.length * SMALL_SIZE * 4 },
        },
      ],
    }),
  );
  const tensor = Buffer.concat(numbers.map((number) => Buffer.from(smallImage(number).buffer)));
  const response = await fetch(`${url}/v2/models/${model}/infer`, {
    method: 'POST',
    headers: { 'Inference-Header-Content-Length': String(header.length) },
    body: Buffer.concat([header, tensor]),
  });
  const body = Buffer.from(await response.arrayBuffer());
  if (response.status !== 200) return { status: response.status, error: JSON.parse(body.toString()).error };
  const length = Number(response.headers.get('inference-header-content-length'));
  const json = JSON.parse(body.subarray(0, length).toString());
  return {
    status: 200,
    version: json.model_version,
    logits: new Float32Array(Uint8Array.from(body.subarray(length)).buffer),
  };
}

function expectClose(actual: ArrayLike<number> | undefined, expected: ArrayLike<number>): void {
  expect(actual?.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) expect(actual?.[i]).toBeCloseTo(expected[i] as number, 5);
}

/** Sends requests one after another on so many connections until it is stopped, each checked against its own image. */
function load(url: string, model: string, connections: number, check: (reply: Reply, number: number) => Promise<void>) {
  let stopped = false;
  let answered = 0;
  const clients = Array.from({ length: connections }, async (_, client) => {
    for (let i = 0; !stopped; i++) {
      const number = client * 1000 + (i % 50);
      await check(await infer(url, model, [number]), number);
      answered++;
    }
  });
  return {
    /** Goes on until there have been so many answers, then stops. */
    async stopAfter(answers: number): Promise<void> {
      while (answered < answers) await Promise.race([pause(20), ...clients]);
      stopped = true;
      await Promise.all(clients);
    },
  };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Answers must be those of ONNX Runtime for the very image, from either model where a reload is under way. */
function checker(...models: LoadedModel[]): (reply: Reply, number: number) => Promise<void> {
  const known = new Map<number, Promise<Float32Array[]>>();
  return async (reply, number) => {
    expect(reply).toMatchObject({ status: 200 });
    let wanted = known.get(number);
    if (wanted === undefined) {
      wanted = Promise.all(models.map((model) => reference(model, number)));
      known.set(number, wanted);
    }
    const near = (await wanted).some((logits) =>
      logits.every((value, i) => Math.abs(value - (reply.logits?.[i] ?? Number.NaN)) < 1e-5),
    );
    expect(near).toBe(true);
  };
}

it('answers every row of a request with the scores that ONNX Runtime gives', async () => {
  const { httpUrl } = await start(join(folder, 'first.onnx'));
  const numbers = Array.from({ length: 70 }, (_, i) => i);
  const { logits } = await infer(httpUrl, 'first', numbers);
  for (const number of numbers)
    expectClose(logits?.subarray(number * 4, number * 4 + 4), await reference(first, number));
});

it('serves a model exported with a fixed batch', async () => {
  await writeSmallModel(join(folder, 'fixed.onnx'), { seed: 1, batch: 2 });
  const { httpUrl } = await start(join(folder, 'fixed.onnx'));
  const { logits } = await infer(httpUrl, 'fixed', [1, 2, 3]);
  for (const [i, number] of [1, 2, 3].entries()) {
    expectClose(logits?.subarray(i * 4, i * 4 + 4), await reference(first, number));
  }
});

/** What a request whose microsecond has passed is told. */
async function tooLate(httpUrl: string, model: string): Promise<string> {
  const data = [...smallImage(1)];
  const answer = await fetch(`${httpUrl}/v2/models/${model}/infer`, {
    method: 'POST',
    body: JSON.stringify({
      parameters: { timeout: 1 },
      inputs: [{ name: 'input', datatype: 'FP32', shape: [1, ...SMALL_SHAPE], data }],
    }),
  });
  expect(answer.status).toBe(503);
  return ((await answer.json()) as { error: string }).error;
}

it('names the model that could not answer in time', async () => {
  const { httpUrl } = await start(join(folder, 'first.onnx'));
  expect(await tooLate(httpUrl, 'first')).toMatch(
    /^The deadline passed \d+\.\d ms ago, before model 'first' could answer$/,
  );
});

describe('a cascade', () => {
  const planOf = async (confidence: number): Promise<string> => {
    const place = join(folder, `cascade-${confidence}`);
    await mkdir(place, { recursive: true });
    await copyFile(join(folder, 'first.onnx'), join(place, 'small.onnx'));
    await copyFile(join(folder, 'second.onnx'), join(place, 'big.onnx'));
    const plan = {
      skein: 1,
      name: 'pair',
      input: INPUT,
      labels: LABELS,
      root: { cascade: { small: { model: 'small.onnx' }, big: { model: 'big.onnx' }, confidence } },
    };
    await writeFile(join(place, 'plan.json'), JSON.stringify(plan));
    return place;
  };

  it('answers the sure rows by the small model and the others by the big one, and says how many', async () => {
    const numbers = Array.from({ length: 40 }, (_, i) => i);
    const confidences = await Promise.all(
      numbers.map(async (number) => {
        const logits = await reference(first, number);
        const max = Math.max(...logits);
        return 1 / logits.reduce((sum, value) => sum + Math.exp(value - max), 0);
      }),
    );
    const threshold = Number([...confidences].sort((a, b) => a - b)[13]?.toFixed(6)) + 1e-6;
    const { httpUrl } = await start(await planOf(threshold));
    const { logits } = await infer(httpUrl, 'pair', numbers);
    for (const number of numbers) {
      const model = (confidences[number] as number) < threshold ? second : first;
      expectClose(logits?.subarray(number * 4, number * 4 + 4), await reference(model, number));
    }
    const metrics = await (await fetch(`${httpUrl}/metrics`)).text();
    const share = /skein_node_share_ratio\{[^}]*node="root\.cascade\.big"\} ([\d.]+)/.exec(metrics)?.[1];
    const forwarded = confidences.filter((confidence) => confidence < threshold).length;
    expect(Number(share)).toBeCloseTo(forwarded / 40, 9);
    expect(metrics).toMatch(/skein_node_share_ratio\{[^}]*node="root\.cascade\.small"\} 1\n/);
    expect(await tooLate(httpUrl, 'pair')).toMatch(
      / before model 'pair' \(its small\.onnx, root\.cascade\.small of the plan\) could answer$/,
    );
  });
});

it('reloading again and again under load loses and mixes up nothing', async () => {
  const repository = join(folder, 'reload');
  await mkdir(join(repository, 'm/1'), { recursive: true });
  await copyFile(join(folder, 'first.onnx'), join(repository, 'm/1/model.onnx'));
  const running = await start(repository, { modelControl: true });
  const traffic = load(running.httpUrl, 'm', 8, checker(first, second));
  const control = (action: string) =>
    fetch(`${running.httpUrl}/v2/repository/models/m/${action}`, { method: 'POST', body: '{}' });
  for (let version = 2; version <= 6; version++) {
    await mkdir(join(repository, `m/${version}`));
    const source = version % 2 === 0 ? 'second.onnx' : 'first.onnx';
    await copyFile(join(folder, source), join(repository, `m/${version}/model.onnx`));
    expect((await control('load')).status).toBe(200);
  }
  // A version that is no model leaves the one before serving.
  await mkdir(join(repository, 'm/7'));
  await writeFile(join(repository, 'm/7/model.onnx'), 'no model');
  const failed = await control('load');
  expect(failed.status).toBeGreaterThanOrEqual(400);
  expect(((await failed.json()) as { error: string }).error).toContain('m/7/model.onnx');
  await traffic.stopAfter(50);
  const reply = await infer(running.httpUrl, 'm', [1]);
  expect(reply.version).toBe('6');
  expectClose(reply.logits, await reference(second, 1));
});

it('killed inference threads under load lose no request', async () => {
  const running = await start(join(folder, 'first.onnx'));
  const traffic = load(running.httpUrl, 'first', 16, checker(first));
  for (let i = 0; i < 6; i++) {
    await running.killWorker(i % 2);
    // Until what was under way has been answered: a request whose thread dies twice fails.
    await infer(running.httpUrl, 'first', new Array(40).fill(i));
    await pause(50);
  }
  await traffic.stopAfter(50);
  const metrics = await (await fetch(`${running.httpUrl}/metrics`)).text();
  expect(metrics).toMatch(/skein_worker_deaths_total\{pool="inference"\} 6\n/);
});

it('refuses with 503 when the queue is full, and answers all that it accepted', async () => {
  await writeSmallModel(join(folder, 'slow.onnx'), { layers: 12, channels: 96 });
  const running = await start(join(folder, 'slow.onnx'), { workers: 1, queueRows: 4, maxBatch: 1 });
  const replies = await Promise.all(Array.from({ length: 60 }, (_, i) => infer(running.httpUrl, 'slow', [i])));
  const refused = replies.filter(({ status }) => status === 503);
  expect(refused.length).toBeGreaterThan(0);
  for (const { error } of refused) expect(error).toMatch(/of at most 4 rows wait/);
  expect(replies.filter(({ status }) => status === 200).length).toBe(60 - refused.length);
  expect((await infer(running.httpUrl, 'slow', [1])).status).toBe(200);
});

it('refuses a request of more rows than the queue has with 413, since trying again is of no use', async () => {
  const running = await start(join(folder, 'first.onnx'), { queueRows: 2 });
  expect(await infer(running.httpUrl, 'first', [1, 2, 3])).toMatchObject({
    status: 413,
    error: expect.stringMatching(/3 rows .* queue of 2: send it in parts/),
  });
  expect((await infer(running.httpUrl, 'first', [1, 2])).status).toBe(200);
  const config = await (await fetch(`${running.httpUrl}/v2/models/first/config`)).json();
  expect(config).toMatchObject({ max_batch_size: 2 });
});

it('needs no more than a path and a port', async () => {
  server = await startServer({ path: join(folder, 'first.onnx'), port: 0 });
  const expected = await reference(first, 1);
  const reply = await infer(server.httpUrl, 'first', [1]);
  expect(reply.status).toBe(200);
  for (const [i, value] of expected.entries()) expect(reply.logits?.[i]).toBeCloseTo(value, 5);
  const { version } = (await (await fetch(`${server.httpUrl}/v2`)).json()) as { version: string };
  expect(version).toMatch(/^\d+\.\d+\.\d+$/);
});

it('refuses a request that cannot be in time with 503, before it is computed', async () => {
  await writeSmallModel(join(folder, 'slow.onnx'), { layers: 12, channels: 96 });
  const running = await start(join(folder, 'slow.onnx'), { workers: 1 });
  for (let i = 0; i < 4; i++) await infer(running.httpUrl, 'slow', [i]);
  const executions = async () => {
    const stats = (await (await fetch(`${running.httpUrl}/v2/models/slow/stats`)).json()) as {
      model_stats: { execution_count: number }[];
    };
    return stats.model_stats[0]?.execution_count;
  };
  const before = await executions();
  const late = await infer(running.httpUrl, 'slow', [1], { timeout: 1 });
  expect(late.status).toBe(503);
  expect(late.error).toMatch(/deadline/);
  expect(await executions()).toBe(before);
  expect((await infer(running.httpUrl, 'slow', [1], { timeout: 60_000_000 })).status).toBe(200);
});

it('close() under load answers all that was accepted, and lets nobody else in', async () => {
  const running = await start(join(folder, 'first.onnx'));
  const check = checker(first);
  let answered = 0;
  const clients = Array.from({ length: 8 }, async (_, client) => {
    for (let i = 0; ; i++) {
      // A connection that is refused or was closed between two requests ends the client; an answer must be right.
      const reply = await infer(running.httpUrl, 'first', [client]).catch(() => undefined);
      if (reply === undefined) return i;
      await check(reply, client);
      answered++;
    }
  });
  while (answered < 20) await pause(10);
  const closing = running.close(5000);
  server = undefined;
  expect(await closing).toBe(0);
  await Promise.all(clients);
  await expect(fetch(`${running.httpUrl}/v2/health/live`)).rejects.toThrow();
});

describe('what it refuses to start with', () => {
  it.each([
    ['a file that is not there', 'missing.onnx', /no such file or folder/],
    ['a file that is no ONNX', 'text.onnx', /text\.onnx/],
    ['a truncated model', 'truncated.onnx', /truncated\.onnx/],
  ])('%s', async (_what, name, message) => {
    await writeFile(join(folder, 'text.onnx'), 'this is no model');
    const whole = await readFile(join(folder, 'first.onnx'));
    await writeFile(join(folder, 'truncated.onnx'), whole.subarray(0, whole.length >> 1));
    await expect(start(join(folder, name))).rejects.toThrow(message);
  });
});
