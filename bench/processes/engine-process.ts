/** The bare engine in a process of its own: no server, no queue, batches one after another. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { quantile } from '../../src/base/index.ts';
import { DecodePool, openData, type Preprocessing } from '../../src/data/index.ts';
import { Engine, type LoadedModel } from '../../src/runtime/index.ts';
import { answerCalls } from './answer-calls.ts';

export interface EngineCall {
  readonly model: string;
  readonly workers: number;
  readonly threads: number;
  readonly preprocessing: Preprocessing;
}

export interface ThroughputCall {
  readonly batch: number;
  readonly seconds: number;
}

export interface DecodingCall extends ThroughputCall {
  readonly data: string;
}

export interface LoneCall {
  readonly model: string;
  readonly preprocessing: Preprocessing;
  readonly seconds: number;
}

let engine: Engine | undefined;
let model: LoadedModel | undefined;
let preprocessing: Preprocessing | undefined;
let session: InferenceSession | undefined;
let files: Uint8Array[] | undefined;
let decoders: DecodePool | undefined;

answerCalls({
  async open(call: EngineCall): Promise<void> {
    await engine?.close();
    engine = new Engine({ workers: call.workers, threads: call.threads });
    model = await engine.load(call.model);
    preprocessing = call.preprocessing;
    await throughput(1, 200, copyInto);
  },

  /** Images a second. */
  async throughput({ batch, seconds }: ThroughputCall): Promise<number> {
    return throughput(batch, seconds * 1000, copyInto);
  },

  /** Images a second from image files on. */
  async decodingThroughput({ batch, seconds, data: source }: DecodingCall): Promise<number> {
    if (files === undefined) {
      const data = await openData(source, { preferredSplits: ['test'] });
      files = Array.from({ length: data.size }, (_, i) => data.encoded(i)).filter((file) => file !== undefined);
    }
    decoders ??= new DecodePool();
    return throughput(batch, seconds * 1000, decodeInto);
  },

  /** Median milliseconds of session.run with one image, on this thread, with the settings that Skein's sessions have. */
  async lone(call: LoneCall): Promise<number> {
    session ??= await InferenceSession.create(call.model, {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      extra: { session: { intra_op: { allow_spinning: '0' } } },
    });
    const { shape } = call.preprocessing;
    const input = new Tensor('float32', image(shape[0] * shape[1] * shape[2]), [1, ...shape]);
    const feeds = { [session.inputNames[0] as string]: input };
    const times: number[] = [];
    const end = performance.now() + call.seconds * 1000;
    while (performance.now() < end) {
      const start = performance.now();
      await session.run(feeds);
      times.push(performance.now() - start);
    }
    return quantile(times.slice(Math.floor(times.length / 10)), 0.5);
  },
});

type Prepare = (rows: number, first: number) => Promise<Float32Array>;

/** Keeps every thread busy with a batch, and one more waiting for each; counts what ends inside the time. */
async function throughput(batch: number, durationMs: number, prepare: Prepare): Promise<number> {
  if (engine === undefined || model === undefined || preprocessing === undefined) throw new Error('open comes first');
  const running = model;
  const { shape } = preprocessing;
  const name = running.inputs[0]?.name as string;
  const size = shape[0] * shape[1] * shape[2];
  const warmupMs = Math.min(500, durationMs / 4);
  const start = performance.now() + warmupMs;
  const end = start + durationMs;
  let images = 0;
  let next = 0;
  const lane = async () => {
    while (performance.now() < end) {
      const rows = await prepare(batch, next);
      next += batch;
      await running.run((buffers) => {
        const data = buffers.float32(batch * size);
        data.set(rows);
        return { [name]: { dtype: 'float32', dims: [batch, ...shape], data } };
      });
      const now = performance.now();
      if (now > start && now <= end) images += batch;
    }
  };
  await Promise.all(Array.from({ length: engine.workers * 2 }, lane));
  return (images * 1000) / durationMs;
}

let rows: Float32Array | undefined;

async function copyInto(count: number): Promise<Float32Array> {
  const { shape } = preprocessing as Preprocessing;
  const length = count * shape[0] * shape[1] * shape[2];
  if (rows?.length !== length) rows = image(length);
  return rows;
}

async function decodeInto(count: number, first: number): Promise<Float32Array> {
  const all = files as Uint8Array[];
  const images = Array.from({ length: count }, (_, i) => all[(first + i) % all.length] as Uint8Array);
  return (await (decoders as DecodePool).decode(images, preprocessing as Preprocessing)).data;
}

/** Numbers of the size that normalised pixels have. */
function image(length: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => Math.sin(i * 0.37) * 1.5);
}
