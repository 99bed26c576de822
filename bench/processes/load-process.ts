/** The load generator in a process of its own. Requests are built once and kept by name. */
import {
  describeGrpcTarget,
  describeTarget,
  grpcInferenceWorkload,
  httpInferenceWorkload,
  httpRequest,
  httpWorkload,
  type LoadOptions,
  type LoadResult,
  loadPayloads,
  type Payload,
  type PayloadSet,
  runLoad,
  type Workload,
} from '../../src/cli/load/index.ts';
import { openData, type Preprocessing } from '../../src/data/index.ts';
import { answerCalls } from './answer-calls.ts';

export interface PrepareCall {
  readonly name: string;
  readonly url: string;
  /** 'floats': the tensor alone to /infer of the hand-written server. */
  readonly protocol: 'http' | 'grpc' | 'floats';
  readonly model: string;
  readonly payload: Payload;
  readonly data: string;
  readonly limit: number | null;
  readonly preprocessing: Preprocessing;
  readonly classes: readonly string[];
}

export interface RunCall {
  readonly name: string;
  readonly options: Omit<LoadOptions, 'onProgress' | 'signal'>;
}

const workloads = new Map<string, Workload>();
const payloads = new Map<string, Promise<PayloadSet>>();

answerCalls({
  /** Answers how many requests there are. */
  async prepare(call: PrepareCall): Promise<number> {
    const workload = await workloadOf(call);
    workloads.set(call.name, workload);
    return workload.size;
  },
  async run({ name, options }: RunCall): Promise<LoadResult> {
    const workload = workloads.get(name);
    if (workload === undefined) throw new Error(`No requests were prepared as '${name}'`);
    return runLoad(workload, options);
  },
});

async function workloadOf(call: PrepareCall): Promise<Workload> {
  const url = new URL(call.url);
  if (call.protocol === 'floats') {
    const { contents } = await payloadsOf(call);
    const headers = { 'content-type': 'application/octet-stream' };
    return httpWorkload({
      server: { url },
      requests: contents.map((body) => httpRequest(url, { path: '/infer', headers, body })),
      readClass: () => undefined,
    });
  }
  const contents = await payloadsOf(call);
  return call.protocol === 'grpc'
    ? grpcInferenceWorkload({ url }, await describeGrpcTarget({ url }, call.model), call.payload, contents)
    : httpInferenceWorkload({ url }, await describeTarget({ url }, call.model), call.payload, contents);
}

function payloadsOf(call: PrepareCall): Promise<PayloadSet> {
  const key = `${call.payload} ${call.data} ${call.limit}`;
  const known = payloads.get(key);
  if (known !== undefined) return known;
  const loaded = load(call);
  payloads.set(key, loaded);
  return loaded;
}

async function load({ data: source, limit, payload, preprocessing, classes }: PrepareCall): Promise<PayloadSet> {
  const data = await openData(source, { preferredSplits: ['test'], ...(limit !== null && { limit }) });
  try {
    const target = {
      model: '',
      input: { name: '', datatype: 'FP32', shape: [-1, ...preprocessing.shape] },
      output: { name: '', datatype: 'FP32', shape: [-1, classes.length] },
      labels: classes,
    };
    return await loadPayloads(data, target, payload, preprocessing);
  } finally {
    await data.close();
  }
}
