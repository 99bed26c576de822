/** Runs a model in ONNX Runtime, for tests that compare what two models compute. */
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { Random } from '../src/base/index.ts';
import { feedsOf, type Model } from '../src/graph/index.ts';
import { serializeModel } from '../src/onnx/index.ts';

export interface Output {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: ArrayBufferView | readonly string[];
}

export type Feeds = Readonly<Record<string, OrtTensor>>;

export function feed(
  dtype: 'float32' | 'float64' | 'int64' | 'bool',
  data: Float32Array | Float64Array | BigInt64Array | Uint8Array,
  dims: readonly number[],
): OrtTensor {
  return new OrtTensor(dtype as 'float32', data as Float32Array, dims);
}

/** A session for several runs. */
export async function openOnnx(bytes: Uint8Array) {
  const session = await InferenceSession.create(bytes, { logSeverityLevel: 4, intraOpNumThreads: 1 });
  const run = async (feeds: Feeds): Promise<Record<string, Output>> => {
    const outputs = await session.run(feeds);
    return Object.fromEntries(
      session.outputNames.map((name) => {
        const { type, dims, data } = outputs[name] as OrtTensor;
        return [
          name,
          { type, dims, data: Array.isArray(data) ? [...data] : (data as unknown as Float32Array).slice() },
        ];
      }),
    );
  };
  return { run, release: () => session.release() };
}

export async function runOnnx(bytes: Uint8Array, feeds: Feeds): Promise<Record<string, Output>> {
  const session = await openOnnx(bytes);
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

export function runModel(model: Model, feeds: Feeds): Promise<Record<string, Output>> {
  return runOnnx(serializeModel(model), feeds);
}

/** Normally distributed float32 for every input; symbolic dimensions become `free`. */
export function randomFeeds(model: Model, seed: number, free = 2): Feeds {
  const random = new Random(seed);
  return Object.fromEntries(
    feedsOf(model.graph).map(({ name, type }) => {
      const dims = (type?.dims ?? []).map((dim) => (typeof dim === 'number' ? dim : free));
      const data = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => random.normal());
      return [name, new OrtTensor('float32', data, dims)];
    }),
  );
}
