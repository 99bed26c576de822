/**
 * A data plane without models, for testing the protocols: whatever it answers follows from the request by arithmetic,
 * so every response can be checked against its own request. It holds requests to the rules that the real one does.
 */
import { type Cancellation, type ErrorCode, SkeinError } from '../src/base/index.ts';
import type {
  Classification,
  ClassifyRequest,
  DataPlane,
  InferInput,
  InferOutput,
  InferRequest,
  InferResponse,
  ModelConfig,
  ModelMetadata,
  ModelStatistics,
} from '../src/serving/protocol.ts';

export const ECHO_COLUMNS = 4;
export const ECHO_LABELS = ['ant', 'bee', 'cat', 'dog'];

export interface EchoPlane extends DataPlane {
  /** Requests are answered after this many milliseconds; 0: at once. */
  delayMs: number;
  /** While set, every inference fails with this. */
  failure: { code: ErrorCode; message: string } | Error | undefined;
  isLive: boolean;
  isReady: boolean;
  /** Requests that arrived, as the protocol handed them over. */
  readonly seen: InferRequest[];
  /** How many were aborted while they waited. */
  aborted: number;
  /** How many wait now. */
  waiting: number;
  readonly loads: string[];
}

const invalid = (message: string) => new SkeinError('invalid-argument', message);

function floatsOf(input: InferInput, count: number): Float32Array {
  if ('raw' in input.content) {
    const { raw } = input.content;
    if (raw.byteLength !== count * 4) throw invalid(`input: expected ${count * 4} bytes, received ${raw.byteLength}`);
    return new Float32Array(new Uint8Array(raw).buffer);
  }
  const flat: unknown[] = [];
  const walk = (values: ArrayLike<unknown>): void => {
    for (const value of Array.from(values)) Array.isArray(value) ? walk(value) : flat.push(value);
  };
  walk(input.content.values);
  if (flat.length !== count) throw invalid(`input: expected ${count} elements, received ${flat.length}`);
  if (flat.some((value) => typeof value !== 'number')) throw invalid('input: every element must be a number');
  return Float32Array.from(flat as number[]);
}

/** Bytes of the elements of a BYTES tensor. */
function stringsOf(input: InferInput): string[] {
  if ('values' in input.content)
    return Array.from(input.content.values, (value) => Buffer.from(value as string).toString());
  const { raw } = input.content;
  const view = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
  const strings: string[] = [];
  for (let at = 0; at < view.length; ) {
    if (at + 4 > view.length) throw invalid('input: a length of BYTES is cut off');
    const end = at + 4 + view.readUInt32LE(at);
    if (end > view.length) throw invalid('input: an element of BYTES is cut off');
    strings.push(view.toString('utf8', at + 4, end));
    at = end;
  }
  return strings;
}

/** Model `echo`: output `double` is twice the rows of `input`, `sum` their sums. A BYTES input comes back upper-case. */
function answer(request: InferRequest): InferOutput[] {
  const [input, second] = request.inputs;
  if (input === undefined || second !== undefined) throw invalid(`expected 1 input, received ${request.inputs.length}`);
  if (input.name !== 'input') throw invalid(`there is no input '${input.name}', send 'input'`);
  for (const { name } of request.outputs ?? []) {
    if (name !== 'double' && name !== 'sum') throw invalid(`there is no output '${name}'`);
  }
  if (input.datatype === 'BYTES') {
    const data = stringsOf(input).map((text) => text.toUpperCase());
    return [{ name: 'double', datatype: 'BYTES', shape: [data.length], data }];
  }
  if (input.datatype !== 'FP32') throw invalid(`datatype must be FP32 or BYTES, received '${input.datatype}'`);
  const [rows = 0, columns] = input.shape;
  if (input.shape.length !== 2 || columns !== ECHO_COLUMNS || rows < 1 || rows > 1e6) {
    throw invalid(`shape must be [n, ${ECHO_COLUMNS}], received [${input.shape}]`);
  }
  const values = floatsOf(input, rows * ECHO_COLUMNS);
  const sums = new Float32Array(rows);
  values.forEach((value, index) => {
    const row = Math.floor(index / ECHO_COLUMNS);
    sums[row] = (sums[row] ?? 0) + value;
  });
  const all: InferOutput[] = [
    { name: 'double', datatype: 'FP32', shape: [rows, ECHO_COLUMNS], data: values.map((value) => 2 * value) },
    { name: 'sum', datatype: 'FP32', shape: [rows, 1], data: sums },
  ];
  if (request.outputs === undefined || request.outputs.length === 0) return all;
  return request.outputs.map(({ name, classification }) => {
    const output = name === 'double' ? (all[0] as InferOutput) : (all[1] as InferOutput);
    if (classification === undefined) return output;
    const scores = [...(output.data as Float32Array)].map((score, index) => ({ score, index }));
    const best = scores.sort((a, b) => b.score - a.score).slice(0, classification);
    const data = best.map(({ score, index }) => `${score}:${index}:${ECHO_LABELS[index]}`);
    return { name, datatype: 'BYTES' as const, shape: [1, data.length], data };
  });
}

function check(model: string, version?: string): void {
  if (model !== 'echo') throw new SkeinError('not-found', `There is no model '${model}': this server has 'echo'`);
  if (version !== undefined && version !== '' && version !== '1') {
    throw new SkeinError('not-found', `Model 'echo' has no version '${version}', it has '1'`);
  }
}

const none = { count: 0, ns: 0 };
const config: ModelConfig = {
  name: 'echo',
  platform: 'skein_echo',
  backend: 'skein',
  max_batch_size: 64,
  input: [{ name: 'input', data_type: 'TYPE_FP32', dims: [ECHO_COLUMNS] }],
  output: [
    { name: 'double', data_type: 'TYPE_FP32', dims: [ECHO_COLUMNS], label_filename: 'labels.txt' },
    { name: 'sum', data_type: 'TYPE_FP32', dims: [1], label_filename: '' },
  ],
  dynamic_batching: { priority_levels: 10, default_priority_level: 5 },
  instance_group: [{ name: 'echo_0', kind: 'KIND_CPU', count: 1 }],
};

export function createEchoPlane(): EchoPlane {
  let answered = 0;
  const wait = async (signal: Cancellation | undefined): Promise<void> => {
    if (plane.delayMs === 0) return;
    plane.waiting++;
    try {
      const end = performance.now() + plane.delayMs;
      while (performance.now() < end) {
        await new Promise((resolve) => setTimeout(resolve, Math.min(5, plane.delayMs)));
        if (!signal?.aborted) continue;
        plane.aborted++;
        throw new SkeinError('cancelled', 'The client went away');
      }
    } finally {
      plane.waiting--;
    }
  };
  const failIfAsked = (): void => {
    if (plane.failure instanceof Error) throw plane.failure;
    if (plane.failure !== undefined) throw new SkeinError(plane.failure.code, plane.failure.message);
  };
  const plane: EchoPlane = {
    delayMs: 0,
    failure: undefined,
    isLive: true,
    isReady: true,
    seen: [],
    aborted: 0,
    waiting: 0,
    loads: [],
    live: () => plane.isLive,
    ready: () => plane.isReady,
    modelReady(model, version) {
      check(model, version);
      return plane.isReady;
    },
    serverMetadata: () => ({ name: 'skein', version: '0.1.0', extensions: ['binary_tensor_data', 'classification'] }),
    modelMetadata(model, version): ModelMetadata {
      check(model, version);
      return {
        name: 'echo',
        versions: ['1'],
        platform: 'skein_echo',
        inputs: [{ name: 'input', datatype: 'FP32', shape: [-1, ECHO_COLUMNS] }],
        outputs: [
          { name: 'double', datatype: 'FP32', shape: [-1, ECHO_COLUMNS] },
          { name: 'sum', datatype: 'FP32', shape: [-1, 1] },
        ],
      };
    },
    modelConfig(model, version) {
      check(model, version);
      return config;
    },
    statistics(model, version): readonly ModelStatistics[] {
      if (model !== undefined && model !== '') check(model, version);
      const success = { count: answered, ns: answered * 1000 };
      return [
        {
          name: 'echo',
          version: '1',
          last_inference: 0,
          inference_count: answered,
          execution_count: answered,
          inference_stats: {
            success,
            fail: none,
            queue: success,
            compute_input: success,
            compute_infer: success,
            compute_output: success,
            cache_hit: none,
            cache_miss: none,
          },
          batch_stats: [{ batch_size: 1, compute_input: success, compute_infer: success, compute_output: success }],
        },
      ];
    },
    async infer(request): Promise<InferResponse> {
      check(request.model, request.version);
      plane.seen.push(request);
      if (plane.seen.length > 100) plane.seen.shift();
      failIfAsked();
      const outputs = answer(request);
      await wait(request.signal);
      answered++;
      const id = request.id === undefined ? {} : { id: request.id };
      return { model: 'echo', version: '1', ...id, outputs };
    },
    async classify(request: ClassifyRequest): Promise<Classification> {
      check(request.model, request.version);
      failIfAsked();
      if (request.image.byteLength < 2) throw invalid('The image cannot be decoded: it has less than 2 bytes');
      await wait(request.signal);
      const index = (request.image[0] ?? 0) % ECHO_LABELS.length;
      const probabilities = ECHO_LABELS.map((_, label) => (label === index ? 1 : 0));
      return {
        model: 'echo',
        version: '1',
        label: ECHO_LABELS[index] ?? '',
        class: index,
        probability: 1,
        probabilities,
      };
    },
    repositoryIndex: (readyOnly) => [
      { name: 'echo', version: '1', state: 'READY', reason: '' },
      ...(readyOnly ? [] : [{ name: 'spare', version: '1', state: 'UNAVAILABLE' as const, reason: 'unloaded' }]),
    ],
    async loadModel(model) {
      if (model !== 'spare') check(model);
      plane.loads.push(`load ${model}`);
    },
    async unloadModel(model) {
      check(model);
      plane.loads.push(`unload ${model}`);
    },
    refused: () => {},
    metrics: async () => ({ contentType: 'text/plain; version=0.0.4', body: `skein_requests_total ${answered}\n` }),
  };
  return plane;
}
