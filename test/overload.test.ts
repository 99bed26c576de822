/** The whole server in this process, asked over both protocols at once for more than it can do: what clients see. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { status as Status } from '@grpc/grpc-js';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { Engine, type LoadedModel } from '../src/runtime/index.ts';
import { type RunningServer, type ServerOptions, startServer } from '../src/serving/index.ts';
import { outputsOf, TestClient } from './grpc-client.ts';
import { ask, binaryBody, errorOf, floatsOf, readBinary } from './http-client.ts';
import { SMALL_SHAPE, SMALL_SIZE, smallImage, writeSmallModel } from './small-models.ts';

const INPUT = { name: 'input', shape: SMALL_SHAPE, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };
const IMAGES = 20;

let folder: string;
let model: string;
let expected: readonly (readonly number[])[];
let server: RunningServer;
let client: TestClient;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-overload-'));
  model = await writeSmallModel(join(folder, 'slow.onnx'), { layers: 12, channels: 64 });
  const engine = new Engine({ workers: 1 });
  const loaded = await engine.load(model);
  expected = await Promise.all(Array.from({ length: IMAGES }, (_, number) => reference(loaded, number)));
  await engine.close();
});
afterEach(async () => {
  client.close();
  await server.close(5000);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What ONNX Runtime itself answers for an image. */
async function reference(loaded: LoadedModel, number: number): Promise<number[]> {
  const { outputs } = await loaded.run((buffers) => {
    const data = buffers.float32(SMALL_SIZE);
    data.set(smallImage(number));
    return { input: { dtype: 'float32', dims: [1, ...SMALL_SHAPE], data } };
  });
  const logits = outputs.logits?.data as Float32Array;
  return [...logits];
}

async function start(options: Partial<ServerOptions>): Promise<void> {
  server = await startServer({
    path: model,
    openPlan: async (file) => ({
      name: basename(file, '.onnx'),
      input: INPUT,
      labels: ['a', 'b', 'c', 'd'],
      root: { kind: 'model', file },
    }),
    version: '0.0.0',
    logger: pino({ level: 'silent' }),
    port: 0,
    grpcPort: 0,
    ...options,
  });
  client = new TestClient(Number(server.grpcAddress?.split(':')[1]));
}

function expectScores(scores: readonly number[] | undefined, number: number): void {
  expect(scores?.length).toBe(expected[number]?.length);
  for (const [index, score] of expected[number]?.entries() ?? []) expect(scores?.[index]).toBeCloseTo(score, 4);
}

/** Throws unless the answer is that to the very image, or a refusal in the words of its protocol. */
type Request = (number: number) => Promise<'answered' | 'refused'>;

function overHttp(words: RegExp): Request {
  return async (number) => {
    const inputs = [
      {
        name: 'input',
        datatype: 'FP32',
        shape: [1, ...SMALL_SHAPE],
        parameters: { binary_data_size: 4 * SMALL_SIZE },
      },
    ];
    const outputs = [{ name: 'logits', parameters: { binary_data: true } }];
    const id = `http-${number}`;
    const body = binaryBody({ id, inputs, outputs }, Buffer.from(smallImage(number).buffer));
    const answer = await ask(`${server.httpUrl}/v2/models/slow/infer`, body);
    if (answer.status === 200) {
      const { json, tensors } = readBinary(answer);
      expect(json.id).toBe(id);
      expectScores(floatsOf(tensors.get('logits')), number);
      return 'answered';
    }
    expect([answer.status, errorOf(answer)]).toEqual([503, expect.stringMatching(words)]);
    return 'refused';
  };
}

function overGrpc(words: RegExp): Request {
  return async (number) => {
    const id = `grpc-${number}`;
    const inputs = [{ name: 'input', datatype: 'FP32', shape: [1n, ...SMALL_SHAPE.map(BigInt)] }];
    const rawInputContents = [new Uint8Array(smallImage(number).buffer)];
    try {
      const answer = await client.call('modelInfer', { modelName: 'slow', id, inputs, rawInputContents });
      expect(answer.id).toBe(id);
      expectScores(outputsOf(answer).logits, number);
      return 'answered';
    } catch (error) {
      if ((error as { code?: unknown }).code === undefined) throw error;
      expect(error).toMatchObject({ code: Status.UNAVAILABLE, details: expect.stringMatching(words) });
      return 'refused';
    }
  };
}

it('a full queue refuses what is beyond it, over both protocols, and answers the rest right', async () => {
  await start({ workers: 1, queueRows: 6, maxBatch: 2 });
  const words = /at most 6 rows wait/;
  for (const request of [overHttp(words), overGrpc(words)]) {
    const outcomes = await Promise.all(Array.from({ length: 80 }, (_, index) => request(index % IMAGES)));
    expect(new Set(outcomes)).toEqual(new Set(['answered', 'refused']));
    // It has room again.
    expect(await request(1)).toBe('answered');
  }
});

it('threads that die at any moment of the load: every answer is right, or an error that says why', async () => {
  await start({ workers: 2, queueRows: 1000 });
  const words = /inference thread/;
  let stopped = false;
  const outcomes: string[] = [];
  const clients = [overHttp(words), overGrpc(words)].flatMap((request) =>
    Array.from({ length: 8 }, async (_, client) => {
      for (let count = 0; !stopped; count++) outcomes.push(await request((client * 7 + count) % IMAGES));
    }),
  );
  for (let death = 0; death < 8; death++) {
    const before = outcomes.length;
    await Promise.all([server.killWorker(0), ...(death % 4 === 3 ? [server.killWorker(1)] : [])]);
    while (outcomes.length < before + 10) await Promise.race([new Promise((go) => setTimeout(go, 10)), ...clients]);
  }
  stopped = true;
  await Promise.all(clients);
  expect(outcomes.filter((outcome) => outcome === 'answered').length).toBeGreaterThan(outcomes.length / 2);
  const metrics = (await ask(`${server.httpUrl}/metrics`)).body.toString();
  // One that is only just being replaced cannot be killed again.
  const deaths = Number(/skein_worker_deaths_total\{pool="inference"\} (\d+)/.exec(metrics)?.[1]);
  expect(deaths).toBeGreaterThanOrEqual(4);
});
