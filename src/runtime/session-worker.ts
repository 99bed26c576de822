/**
 * A thread that holds sessions of ONNX Runtime. `session.run()` blocks the thread that calls it (microsoft/onnxruntime
 * #19611), which is why no session lives on the thread that accepts requests.
 */
import { threadId } from 'node:worker_threads';
import { env, InferenceSession, Tensor } from 'onnxruntime-node';
import { type Answer, answerJobs, messageOf, SkeinError } from '../base/index.ts';
import { DTYPES, type DType } from '../tensor/index.ts';
import { saturatesInt8 } from './int8-saturation.ts';
import type { Device, SessionJob, SessionResult } from './session-protocol.ts';
import type { NamedTensors, NumericData, TensorData, TensorInfo } from './tensor-data.ts';

// ONNX Runtime writes coloured lines to standard error, past any log. What is an error is thrown, too; the rest is
// advice about the file (an initializer that nothing uses).
env.logLevel = 'fatal';
const FATAL = 4;
/** A quantised model gives the same on every processor. */
const SATURATES = saturatesInt8();

const sessions = new Map<number, { readonly session: InferenceSession; readonly profiled: boolean }>();

type LoadJob = Extract<SessionJob, { kind: 'load' }>;

answerJobs<SessionJob, SessionResult>((job) => {
  switch (job.kind) {
    case 'load':
      return load(job);
    case 'run':
      return run(job.session, job.feeds, job.keep ?? {});
    case 'put':
      return put(job.values);
    case 'get':
      return get(job.names);
    case 'unload':
      return unload(job.session);
  }
});

async function load({ session: id, model, coded = false, settings }: LoadJob): Promise<Answer<SessionResult>> {
  let session = sessions.get(id)?.session;
  if (session === undefined) {
    const options: InferenceSession.SessionOptions = {
      executionProviders: settings.device === 'cpu' ? ['cpu'] : [settings.device, 'cpu'],
      intraOpNumThreads: settings.threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: settings.optimization,
      logSeverityLevel: FATAL,
      // An idle pool that spins takes the cores from the other sessions and from the accepting thread.
      extra: { session: { intra_op: { allow_spinning: '0' }, ...(SATURATES ? { x64quantprecision: '1' } : {}) } },
    };
    if (settings.profilePrefix !== undefined) {
      options.enableProfiling = true;
      // The engine adds the time in milliseconds, which two threads that load at once may share.
      options.profileFilePrefix = `${settings.profilePrefix}-${threadId}`;
    }
    const decoded = typeof model !== 'string' && coded ? await onnxOf(model) : model;
    try {
      session = await create(decoded, options);
    } catch (error) {
      throw await loadError(error, decoded, settings.device);
    }
    sessions.set(id, { session, profiled: settings.profilePrefix !== undefined });
  }
  return {
    result: {
      kind: 'loaded',
      inputs: session.inputMetadata.map(tensorInfo),
      outputs: session.outputMetadata.map(tensorInfo),
    },
  };
}

/** What is in a `.skz` file, as ONNX. */
async function onnxOf(shared: Uint8Array): Promise<Uint8Array> {
  // Most threads never need to know the format.
  const { parseModel, serializeModel } = await import('../onnx/index.ts');
  return serializeModel(parseModel(Uint8Array.from(shared)));
}

function create(model: string | Uint8Array, options: InferenceSession.SessionOptions): Promise<InferenceSession> {
  // It takes no shared memory; the copy is freed once the session holds its own.
  return typeof model === 'string'
    ? InferenceSession.create(model, options)
    : InferenceSession.create(Uint8Array.from(model), options);
}

/** A device that is not there and a model that is no good fail alike; on the CPU only the model can be at fault. */
async function loadError(error: unknown, model: string | Uint8Array, device: Device): Promise<SkeinError> {
  const ofModel = new SkeinError('corrupt', `ONNX Runtime cannot load the model: ${messageOf(error)}`, {
    cause: error,
  });
  if (device === 'cpu') return ofModel;
  try {
    await (await create(model, { executionProviders: ['cpu'], logSeverityLevel: FATAL })).release();
  } catch {
    return ofModel;
  }
  const why = `ONNX Runtime cannot use the device '${device}': ${withoutPlace(messageOf(error))}; take the device cpu`;
  return new SkeinError('unsupported', why, { cause: error });
}

/** Checks inside ONNX Runtime put file, function and condition before what they have to say. */
function withoutPlace(message: string): string {
  return message.replace(/^\S+\.(cc|cpp|h):\d+ .* was false\. /, '');
}

/** How ONNX Runtime begins what it says of a node that failed; what it says of inputs comes before any node runs. */
const NODE_FAILED = 'Non-zero status code returned while running';

function runError(error: unknown): SkeinError {
  const message = messageOf(error);
  return message.includes(NODE_FAILED)
    ? new SkeinError('internal', `ONNX Runtime failed: ${message}`, { cause: error })
    : new SkeinError('invalid-argument', `ONNX Runtime refused the inputs: ${message}`, { cause: error });
}

function tensorInfo(metadata: InferenceSession.ValueMetadata): TensorInfo {
  if (!metadata.isTensor || !(metadata.type in DTYPES)) {
    throw new SkeinError(
      'unsupported',
      `'${metadata.name}' is not a tensor: only tensors can go in and out of a model`,
    );
  }
  return { name: metadata.name, dtype: metadata.type as DType, dims: [...metadata.shape] };
}

/** Values that stay here from run to run: the state of training. */
const kept = new Map<string, Tensor>();

async function run(
  id: number,
  feeds: NamedTensors,
  keep: Readonly<Record<string, string>>,
): Promise<Answer<SessionResult>> {
  const session = sessions.get(id)?.session;
  if (session === undefined)
    throw new SkeinError('unavailable', `Session ${id} is not loaded on this thread: try again`);
  const inputs: Record<string, Tensor> = {};
  const buffers: ArrayBuffer[] = [];
  for (const [name, tensor] of Object.entries(feeds)) {
    inputs[name] = tensorOf(tensor);
    if (!Array.isArray(tensor.data)) buffers.push((tensor.data as NumericData).buffer as ArrayBuffer);
  }
  for (const name of session.inputNames) {
    const value = inputs[name] === undefined ? kept.get(name) : undefined;
    if (value !== undefined) inputs[name] = value;
  }
  const start = performance.now();
  let results: InferenceSession.OnnxValueMapType;
  try {
    results = await session.run(inputs);
  } catch (error) {
    throw runError(error);
  }
  const computeMs = performance.now() - start;
  const outputs: Record<string, TensorData> = {};
  const transfer = [...buffers];
  for (const [state, output] of Object.entries(keep)) kept.set(state, results[output] as Tensor);
  const staying = new Set(Object.values(keep));
  for (const [name, value] of Object.entries(results)) {
    if (staying.has(name)) continue;
    const tensor = value as Tensor;
    const data = tensor.data as NumericData | string[];
    outputs[name] = { dtype: tensor.type as DType, dims: tensor.dims, data };
    if (!Array.isArray(data)) transfer.push(data.buffer as ArrayBuffer);
  }
  return { result: { kind: 'ran', outputs, buffers, computeMs }, transfer };
}

function put(values: NamedTensors): Answer<SessionResult> {
  for (const [name, value] of Object.entries(values)) kept.set(name, tensorOf(value));
  return { result: { kind: 'put' } };
}

function get(names: readonly string[]): Answer<SessionResult> {
  const values: Record<string, TensorData> = {};
  for (const name of names) {
    const value = kept.get(name);
    if (value === undefined) throw new SkeinError('unavailable', `The thread has lost the value '${name}'`);
    values[name] = { dtype: value.type as DType, dims: value.dims, data: value.data as NumericData };
  }
  // They are copied, not moved: they stay.
  return { result: { kind: 'got', values } };
}

function tensorOf({ dtype, dims, data }: TensorData): Tensor {
  return new Tensor(dtype as 'float32', data as Float32Array, dims);
}

async function unload(id: number): Promise<Answer<SessionResult>> {
  const held = sessions.get(id);
  sessions.delete(id);
  if (held?.profiled) held.session.endProfiling();
  await held?.session.release();
  return { result: { kind: 'unloaded' } };
}
