/**
 * Class parallelism from the file to the wire: a joint model and its exact split into parts must answer alike, in
 * `evaluate`, over REST and over gRPC.
 */
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../src/base/index.ts';
import { openData } from '../src/data/index.ts';
import { writeModel } from '../src/onnx/index.ts';
import {
  evaluate,
  openPlan,
  type Plan,
  type PlanNode,
  probabilitiesOf,
  readPlan,
  savePlan,
} from '../src/plan/index.ts';
import { Engine } from '../src/runtime/index.ts';
import { type RunningServer, type ServerOptions, startServer } from '../src/serving/index.ts';
import { CLASSES, colorModel, writeColorData } from './color-world.ts';
import { TestClient } from './grpc-client.ts';
import { floatBytes } from './http-client.ts';

/** Low, so that float32 rounds the logits of both forms by less than 1e-6. */
const GAIN = 5;
const PARTS = [[0], [1, 2, 3, 4], [5, 9], [6, 7, 8]];
const SIZE = 3 * 32 * 32;
const COUNT = 12;

let folder: string;
let engine: Engine;
let images: Float32Array;
/** The joint model's probabilities of each image. */
let expected: Float32Array[];
let server: RunningServer | undefined;

const planOf = (name: string, root: PlanNode): Plan => ({
  name,
  input: { name: 'image', shape: [3, 32, 32], mean: [0, 0, 0], std: [1, 1, 1] },
  labels: Array.from({ length: CLASSES }, (_, k) => `class ${k}`),
  root,
});
const leaf = (name: string): PlanNode => ({ kind: 'model', file: join(folder, `${name}.onnx`) });
const split = (): PlanNode => ({
  kind: 'parallel',
  other: 'subtracted',
  parts: PARTS.map((classes, index) => ({ classes, node: leaf(`part-${index}`) })),
});
const rowsOf = (scores: Float32Array) =>
  Array.from({ length: COUNT }, (_, row) => probabilitiesOf(scores, row * CLASSES, CLASSES, 'logits'));
const expectSame = (scores: Float32Array, rows: readonly Float32Array[] = expected) => {
  for (const [row, probabilities] of rowsOf(scores).entries()) {
    for (const [k, p] of probabilities.entries()) {
      expect(Math.abs(p - ((rows[row] as Float32Array)[k] as number))).toBeLessThan(1e-6);
    }
  }
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-parallel-'));
  engine = new Engine({ workers: 2 });
  await writeModel(colorModel({ channel: 'green', gain: GAIN }), join(folder, 'joint.onnx'));
  await writeModel(colorModel({ channel: 'red', gain: GAIN }), join(folder, 'red.onnx'));
  for (const [index, part] of PARTS.entries()) {
    await writeModel(colorModel({ channel: 'green', gain: GAIN, part }), join(folder, `part-${index}.onnx`));
  }
  await savePlan(planOf('split', split()), join(folder, 'split'));
  const random = new Random(3);
  images = Float32Array.from({ length: COUNT * SIZE }, () => random.uniform());
  expected = rowsOf(await ask(planOf('joint', leaf('joint'))));
});
afterEach(async () => {
  await server?.close(5000);
  server = undefined;
});
afterAll(async () => {
  await engine.close();
  await rm(folder, { recursive: true, force: true });
});

async function ask(plan: Plan): Promise<Float32Array> {
  const open = await openPlan(engine, plan);
  try {
    return (await open.predictor.predict({ count: COUNT, data: images })).data;
  } finally {
    await open.close();
  }
}

async function start(path: string, options: Partial<ServerOptions> = {}): Promise<RunningServer> {
  server = await startServer({ path, logger: pino({ level: 'silent' }), port: 0, grpcPort: 0, workers: 2, ...options });
  return server;
}

interface Answer {
  readonly scores: Float32Array;
  readonly late: string | undefined;
}

async function overRest(url: string): Promise<Answer> {
  const response = await fetch(`${url}/v2/models/split/infer`, {
    method: 'POST',
    body: JSON.stringify({
      inputs: [{ name: 'image', datatype: 'FP32', shape: [COUNT, 3, 32, 32], data: Array.from(images) }],
    }),
  });
  const { outputs, parameters } = (await response.json()) as {
    outputs: { data: number[] }[];
    parameters?: { skein_late_parts: string };
  };
  return { scores: Float32Array.from(outputs[0]?.data ?? []), late: parameters?.skein_late_parts };
}

async function overGrpc(address: string): Promise<Answer> {
  const client = new TestClient(Number(address.split(':').at(-1)));
  try {
    const { rawOutputContents, parameters } = await client.call('modelInfer', {
      modelName: 'split',
      inputs: [{ name: 'image', datatype: 'FP32', shape: [BigInt(COUNT), 3n, 32n, 32n] }],
      rawInputContents: [floatBytes([...images])],
    });
    const late = parameters.skein_late_parts?.parameterChoice.value as string | undefined;
    return { scores: new Float32Array(Uint8Array.from(rawOutputContents[0] ?? []).buffer), late };
  } finally {
    client.close();
  }
}

describe('a joint model and its split into parts answer alike', () => {
  it('in process', async () => {
    const plan = await readPlan(join(folder, 'split', 'plan.json'));
    expect(plan.root).toMatchObject({ kind: 'parallel', parts: PARTS.map((classes) => ({ classes })) });
    expectSame(await ask(plan));
  });

  it('behind a cascade, and with a cascade as a part', async () => {
    const big = split();
    expectSame(await ask(planOf('cascade', { kind: 'cascade', small: leaf('red'), big, confidence: 1 })));
    const sure = rowsOf(await ask(planOf('red', leaf('red'))));
    expectSame(await ask(planOf('cascade', { kind: 'cascade', small: leaf('red'), big, confidence: 0 })), sure);
    const again: PlanNode = { kind: 'cascade', small: leaf('part-1'), big: leaf('part-1'), confidence: 0.4 };
    const parts = PARTS.map((classes, index) => ({ classes, node: index === 1 ? again : leaf(`part-${index}`) }));
    expectSame(await ask(planOf('parts', { kind: 'parallel', other: 'dropped', parts })));
  });

  it('in evaluate(), which shows every part', async () => {
    await writeColorData(join(folder, 'data'), 60);
    const data = await openData(join(folder, 'data'), { split: 'test' });
    const root = split();
    const report = await evaluate(engine, { ...planOf('split', root), labels: data.classNames }, data, {
      measureMs: 1,
    });
    await data.close();
    expect(report.top1).toBe(1);
    expect(report.nodes.map(({ path, share }) => [path, share])).toEqual(
      PARTS.map((_, index) => [`root.parallel.${index}`, 1]),
    );
    // Gemm: 3 MACs and 4 parameters a score, "other" among them unless the part is one class.
    const scores = [1, 5, 3, 4];
    expect(report.nodes.map(({ params, macs }) => [params, macs])).toEqual(scores.map((n) => [4 * n, 3 * n]));
    expect([report.params, report.macs]).toEqual([4 * 13, 3 * 13]);
  });

  it('over REST and over gRPC', async () => {
    const { httpUrl, grpcAddress } = await start(join(folder, 'split'));
    for (const { scores, late } of [await overRest(httpUrl), await overGrpc(grpcAddress ?? '')]) {
      expectSame(scores);
      expect(late).toBeUndefined();
    }
    const metrics = await (await fetch(`${httpUrl}/metrics`)).text();
    for (const index of PARTS.keys()) {
      expect(metrics).toContain(`skein_node_share_ratio{model="split",version="1",node="root.parallel.${index}"} 1\n`);
      expect(metrics).toContain(`skein_late_parts_total{model="split",version="1",node="root.parallel.${index}"} 0\n`);
    }
  });

  it('whatever the queue holds: a row that waits before every part is one row', async () => {
    const { httpUrl } = await start(join(folder, 'split'), { workers: 1, queueRows: COUNT });
    expectSame((await overRest(httpUrl)).scores);
  });
});

describe('stragglerMs', () => {
  /** Time is up before anything is answered: the first part to answer is all that there is. */
  const atOnce: ServerOptions['timer'] = (_, callback) => {
    callback();
    return () => {};
  };

  it.each(['REST', 'gRPC'])(
    'answers without the late parts, and says so over %s and in the metrics',
    async (protocol) => {
      // On one thread the parts run one after another, in the order of the plan while nothing is known of them.
      const { httpUrl, grpcAddress } = await start(join(folder, 'split'), {
        workers: 1,
        stragglerMs: 20,
        timer: atOnce,
        maxBatch: 64,
      });
      const { scores, late } = protocol === 'REST' ? await overRest(httpUrl) : await overGrpc(grpcAddress ?? '');
      const answered = PARTS.findIndex((_, index) => !late?.split(',').includes(`root.parallel.${index}`));
      expect(late?.split(',')).toHaveLength(3);
      const own = PARTS[answered] as number[];
      for (const [row, probabilities] of rowsOf(scores).entries()) {
        const joint = own.map((k) => (expected[row] as Float32Array)[k] as number);
        const sum = joint.reduce((total, p) => total + p, 0);
        for (const [k, p] of probabilities.entries()) {
          const at = own.indexOf(k);
          const share = at === -1 ? 0.1 : (0.1 * own.length * (joint[at] as number)) / sum;
          expect(Math.abs(p - share)).toBeLessThan(1e-6);
        }
      }
      const metrics = await (await fetch(`${httpUrl}/metrics`)).text();
      for (const index of PARTS.keys()) {
        const count = index === answered ? 0 : 1;
        const node = `root.parallel.${index}`;
        expect(metrics).toContain(`skein_late_parts_total{model="split",version="1",node="${node}"} ${count}\n`);
      }
    },
  );

  it.each<[string, (running: RunningServer) => Promise<unknown>]>([
    ['the plan is loaded anew', ({ reload }) => reload()],
    ['a thread dies', ({ killWorker }) => killWorker(0)],
  ])('answers all requests where %s while parts are late, and takes none of them for failed', async (_, disturb) => {
    const running = await start(join(folder, 'split'), { workers: 1, stragglerMs: 20, timer: atOnce });
    const answers = Promise.all(Array.from({ length: 12 }, () => overRest(running.httpUrl)));
    await overRest(running.httpUrl);
    await disturb(running);
    for (const { scores, late } of await answers) {
      expect(late?.split(',').length ?? 0).toBeLessThan(PARTS.length);
      expect(scores).toHaveLength(COUNT * CLASSES);
      expect(scores.every(Number.isFinite)).toBe(true);
    }
    const metrics = await (await fetch(`${running.httpUrl}/metrics`)).text();
    for (const index of PARTS.keys()) {
      const labels = `{model="split",version="1",node="root.parallel.${index}"}`;
      expect(metrics).toContain(`skein_part_failures_total${labels} 0\n`);
      expect(metrics).toContain(`skein_queue_rows${labels} `);
    }
  });

  it.each<[string, (place: string) => Promise<unknown>, RegExp]>([
    [
      'missing',
      (place) => rm(join(place, 'part-2.onnx')),
      /root\.parallel\.2\.model names 'part-2\.onnx', which is not there/,
    ],
    [
      'changed',
      (place) => writeFile(join(place, 'part-2.onnx'), 'x'),
      /root\.parallel\.2\.sha256 must be that of 'part-2\.onnx'/,
    ],
    [
      'damaged',
      async (place) => {
        const plan = await readFile(join(place, 'plan.json'), 'utf8');
        await writeFile(join(place, 'plan.json'), plan.replace(/,\s*"sha256": "[0-9a-f]{64}"/g, ''));
        await writeFile(join(place, 'part-2.onnx'), 'x');
      },
      /Cannot open model '.*part-2\.onnx'/,
    ],
    [
      'of another width',
      async (place) => {
        const plan = await readFile(join(place, 'plan.json'), 'utf8');
        await writeFile(join(place, 'plan.json'), plan.replace(/,\s*"sha256": "[0-9a-f]{64}"/g, ''));
        await copyFile(join(folder, 'part-1.onnx'), join(place, 'part-2.onnx'));
      },
      /root\.parallel\.2 must score 3 classes, "other" and the 2 of its part, received 5/,
    ],
  ])('does not hide a sub-model that is %s', async (name, harm, message) => {
    const place = join(folder, name.replaceAll(' ', '-'));
    await mkdir(place);
    for (const index of PARTS.keys())
      await copyFile(join(folder, `part-${index}.onnx`), join(place, `part-${index}.onnx`));
    await copyFile(join(folder, 'split', 'plan.json'), join(place, 'plan.json'));
    await harm(place);
    await expect(start(place, { stragglerMs: 1 })).rejects.toThrow(message);
  });
});
