import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { compressionAlgorithms, Metadata, status as Status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEchoPlane, type EchoPlane } from '../../../test/echo-plane.ts';
import { collect, echoRequest, outputsOf, TestClient } from '../../../test/grpc-client.ts';
import { floatBytes } from '../../../test/http-client.ts';
import { TEST_CERTIFICATE, TEST_KEY } from '../../../test/tls.ts';
import { ERROR_CODES, type ErrorCode } from '../../base/index.ts';
import {
  HealthCheckRequestSchema,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as Serving,
} from './gen/health_pb.ts';
import { createGrpcServer, type GrpcServer, type GrpcServerOptions } from './grpc-server.ts';

let plane: EchoPlane;
let server: GrpcServer;
let client: TestClient;

async function restart(options: GrpcServerOptions, clientOptions = {}): Promise<void> {
  await stop();
  plane = createEchoPlane();
  server = await createGrpcServer(plane, options);
  client = new TestClient(server.port, clientOptions);
}

async function stop(): Promise<void> {
  client?.close();
  await server?.close(0);
}

beforeEach(() => restart({}));
afterEach(stop);

describe('what can be read', () => {
  it.each([true, false])('live and ready are %s', async (state) => {
    plane.isLive = state;
    plane.isReady = state;
    expect((await client.call('serverLive', {})).live).toBe(state);
    expect((await client.call('serverReady', {})).ready).toBe(state);
    expect((await client.call('modelReady', { name: 'echo', version: '1' })).ready).toBe(state);
  });

  it('metadata, configuration and statistics are what the data plane says', async () => {
    expect(await client.call('serverMetadata', {})).toMatchObject({ name: 'skein', version: '0.1.0' });
    const metadata = await client.call('modelMetadata', { name: 'echo' });
    expect(metadata).toMatchObject({ name: 'echo', versions: ['1'], inputs: [{ name: 'input', shape: [-1n, 4n] }] });
    const { config } = await client.call('modelConfig', { name: 'echo' });
    // TYPE_FP32 is 11 in model_config.proto.
    expect(config).toMatchObject({ name: 'echo', maxBatchSize: 64, input: [{ dataType: 11, dims: [4n] }] });
    await client.call('modelInfer', echoRequest([1, 2, 3, 4]));
    for (const name of ['', 'echo']) {
      const { modelStats } = await client.call('modelStatistics', { name });
      expect(modelStats).toMatchObject([{ name: 'echo', inferenceCount: 1n, batchStats: [{ batchSize: 1n }] }]);
    }
  });

  it('the repository is listed, all of it or what is ready', async () => {
    const names = async (ready: boolean) =>
      (await client.call('repositoryIndex', { ready })).models.map(({ name, state }) => `${name} ${state}`);
    expect(await names(false)).toEqual(['echo READY', 'spare UNAVAILABLE']);
    expect(await names(true)).toEqual(['echo READY']);
  });

  it('is NOT_FOUND for what does not exist', async () => {
    const failure = { code: Status.NOT_FOUND, details: expect.stringContaining("'nope'") };
    await expect(client.call('modelMetadata', { name: 'nope' })).rejects.toMatchObject(failure);
    expect(await client.call('modelReady', { name: 'nope' })).toMatchObject({ ready: false });
    await expect(client.call('modelInfer', { ...echoRequest([1]), modelName: 'nope' })).rejects.toMatchObject(failure);
  });
});

describe('model control', () => {
  it('is denied unless it is allowed', async () => {
    for (const name of ['repositoryModelLoad', 'repositoryModelUnload'] as const) {
      await expect(client.call(name, { modelName: 'echo' })).rejects.toMatchObject({
        code: Status.PERMISSION_DENIED,
        details: expect.stringMatching(/Cannot (un)?load/),
      });
    }
    expect(plane.loads).toEqual([]);
  });

  it('loads and unloads where it is allowed, but only what the repository holds', async () => {
    await restart({ modelControl: true });
    await client.call('repositoryModelLoad', { modelName: 'spare' });
    await client.call('repositoryModelUnload', { modelName: 'echo' });
    const parameters = { config: { parameterChoice: { case: 'stringParam' as const, value: '{}' } } };
    const overridden = client.call('repositoryModelLoad', { modelName: 'spare', parameters });
    await expect(overridden).rejects.toMatchObject({ code: Status.UNIMPLEMENTED });
    expect(plane.loads).toEqual(['load spare', 'unload echo']);
  });
});

describe.each([true, false])('ModelInfer, on bare streams: %s', (bareStreams) => {
  beforeEach(() => restart({ bareStreams }));

  it('takes raw tensors and answers raw tensors', async () => {
    const answer = await client.call('modelInfer', echoRequest([1, 2, 3, 4], 'r-1'));
    expect(answer).toMatchObject({ modelName: 'echo', modelVersion: '1', id: 'r-1' });
    expect(answer.outputs).toMatchObject([
      { name: 'double', datatype: 'FP32', shape: [1n, 4n] },
      { name: 'sum', datatype: 'FP32', shape: [1n, 1n] },
    ]);
    expect(outputsOf(answer)).toEqual({ double: [2, 4, 6, 8], sum: [10] });
  });

  it('takes typed contents', async () => {
    const inputs = [{ name: 'input', datatype: 'FP32', shape: [1n, 4n], contents: { fp32Contents: [1, 2, 3, 4] } }];
    expect(outputsOf(await client.call('modelInfer', { modelName: 'echo', inputs })).double).toEqual([2, 4, 6, 8]);
    const words = [
      { name: 'input', datatype: 'BYTES', shape: [1n], contents: { bytesContents: [Buffer.from('größe')] } },
    ];
    const answer = await client.call('modelInfer', { modelName: 'echo', inputs: words });
    const upper = Buffer.from('GRÖSSE');
    expect(Buffer.from(answer.rawOutputContents[0] ?? [])).toEqual(Buffer.concat([Buffer.from([7, 0, 0, 0]), upper]));
  });

  it.each([compressionAlgorithms.gzip, compressionAlgorithms.deflate])(
    'takes compressed messages (%i)',
    async (algorithm) => {
      const compressing = new TestClient(server.port, {}, { 'grpc.default_compression_algorithm': algorithm });
      const answer = await compressing.call('modelInfer', echoRequest([1, 2, 3, 4]));
      compressing.close();
      expect(outputsOf(answer).sum).toEqual([10]);
    },
  );

  it('passes on priority, timeout and classification', async () => {
    const int = (value: bigint) => ({ parameterChoice: { case: 'int64Param' as const, value } });
    const answer = await client.call('modelInfer', {
      ...echoRequest([1, 4, 2, 3]),
      parameters: { priority: int(2n), timeout: int(5000n) },
      outputs: [{ name: 'double', parameters: { classification: int(1n) } }],
    });
    expect(plane.seen[0]).toMatchObject({
      priority: 2,
      timeoutUs: 5000,
      outputs: [{ name: 'double', classification: 1 }],
    });
    expect(Buffer.from(answer.rawOutputContents[0] ?? []).toString('latin1', 4)).toBe('8:1:bee');
  });

  it('gives the data plane the deadline of the call where it is the sooner one', async () => {
    const timeout = (value: bigint) => ({ timeout: { parameterChoice: { case: 'int64Param' as const, value } } });
    const deadline = () => ({ deadline: Date.now() + 2000 });
    await client.call('modelInfer', echoRequest([1, 2, 3, 4]), deadline());
    await client.call('modelInfer', { ...echoRequest([1, 2, 3, 4]), parameters: timeout(60_000_000n) }, deadline());
    await client.call('modelInfer', { ...echoRequest([1, 2, 3, 4]), parameters: timeout(1000n) }, deadline());
    const [alone, later, sooner] = plane.seen.map(({ timeoutUs = 0 }) => timeoutUs);
    for (const us of [alone, later]) {
      expect(us).toBeGreaterThan(0);
      expect(us).toBeLessThanOrEqual(2_000_000);
    }
    expect(sooner).toBe(1000);
  });

  it('aborts the request of a call that is cancelled, and of no other', async () => {
    await client.call('modelInfer', echoRequest([1, 2, 3, 4]));
    plane.delayMs = 5000;
    const late = client.call('modelInfer', echoRequest([1, 2, 3, 4]), { deadline: Date.now() + 200 });
    await expect(late).rejects.toMatchObject({ code: Status.DEADLINE_EXCEEDED });
    await expect.poll(() => plane.aborted).toBe(1);
    expect(plane.seen.map(({ signal }) => signal?.aborted)).toEqual([false, true]);
  });

  it.each([
    ['two raw contents for one input', { rawInputContents: [floatBytes([1]), floatBytes([2])] }, 'one entry for each'],
    ['no data', { rawInputContents: [] }, 'has no data'],
    [
      'an absurd dimension',
      { inputs: [{ name: 'input', datatype: 'FP32', shape: [2n ** 62n] }] },
      '4611686018427387904',
    ],
    [
      'contents beside raw contents',
      { inputs: [{ name: 'input', datatype: 'FP32', shape: [1n], contents: {} }] },
      'send one of them',
    ],
    [
      'contents of a datatype that has none',
      { rawInputContents: [], inputs: [{ name: 'input', datatype: 'FP16', shape: [1n], contents: {} }] },
      "'FP16'",
    ],
    [
      'a priority that is no number',
      { parameters: { priority: { parameterChoice: { case: 'stringParam' as const, value: 'high' } } } },
      "'priority'",
    ],
  ])('refuses %s', async (_, fields, words) => {
    const asked = client.call('modelInfer', { ...echoRequest([1, 2, 3, 4]), ...fields });
    await expect(asked).rejects.toMatchObject({
      code: Status.INVALID_ARGUMENT,
      details: expect.stringContaining(words),
    });
  });

  it('refuses shared memory', async () => {
    const parameters = { shared_memory_region: { parameterChoice: { case: 'stringParam' as const, value: 'r' } } };
    const inputs = [{ name: 'input', datatype: 'FP32', shape: [1n, 4n], parameters }];
    await expect(client.call('modelInfer', { modelName: 'echo', inputs })).rejects.toMatchObject({
      code: Status.UNIMPLEMENTED,
    });
  });

  it('refuses a message above the limit and goes on', async () => {
    await restart({ bodyLimitBytes: 10_000, bareStreams });
    const large = { ...echoRequest([]), rawInputContents: [new Uint8Array(10_000)] };
    await expect(client.call('modelInfer', large)).rejects.toMatchObject({ code: Status.RESOURCE_EXHAUSTED });
    expect(outputsOf(await client.call('modelInfer', echoRequest([1, 2, 3, 4]))).sum).toEqual([10]);
  });
});

describe('ModelStreamInfer', () => {
  it('answers many requests in flight, each under its id, in their order', async () => {
    const stream = client.stream();
    plane.delayMs = 20;
    const numbers = Array.from({ length: 300 }, (_, index) => index);
    for (const number of numbers) stream.write(echoRequest([number, 1, 1, 1], `id-${number}`));
    stream.end();
    const answers = await collect(stream);
    expect(answers.map(({ inferResponse }) => inferResponse?.id)).toEqual(numbers.map((number) => `id-${number}`));
    const sums = answers.map(({ inferResponse }) => inferResponse && outputsOf(inferResponse).sum);
    expect(sums).toEqual(numbers.map((number) => [number + 3]));
  });

  it('answers a failure inside the stream, under its id, and goes on', async () => {
    const stream = client.stream();
    stream.write(echoRequest([1, 2, 3, 4], 'a'));
    stream.write({ ...echoRequest([1, 2, 3, 4], 'b'), modelName: 'nope' });
    stream.write(echoRequest([1, 2, 3, 5], 'c'));
    stream.end();
    const answers = await collect(stream);
    expect(answers.map(({ errorMessage }) => errorMessage)).toEqual(['', expect.stringContaining("'nope'"), '']);
    expect(answers.map(({ inferResponse }) => inferResponse?.id)).toEqual(['a', 'b', 'c']);
  });

  it('marks the last answer to a request that asks for that, as Triton does', async () => {
    const wants = (value: boolean) => ({
      parameters: { triton_enable_empty_final_response: { parameterChoice: { case: 'boolParam' as const, value } } },
    });
    const stream = client.stream();
    stream.write({ ...echoRequest([1, 2, 3, 4], 'asked'), ...wants(true) });
    stream.write({ ...echoRequest([1, 2, 3, 4], 'failed'), ...wants(true), modelName: 'nope' });
    stream.write({ ...echoRequest([1, 2, 3, 4], 'declined'), ...wants(false) });
    stream.write(echoRequest([1, 2, 3, 4], 'silent'));
    stream.write({
      ...echoRequest([1, 2, 3, 4], 'wrong'),
      parameters: { triton_enable_empty_final_response: { parameterChoice: { case: 'int64Param', value: 1n } } },
    });
    stream.end();
    const answers = await collect(stream);
    expect(
      answers.map(({ inferResponse }) => [
        inferResponse?.id,
        inferResponse?.parameters.triton_final_response?.parameterChoice.value,
      ]),
    ).toEqual([
      ['asked', true],
      ['failed', true],
      ['declined', undefined],
      ['silent', undefined],
      ['', undefined],
    ]);
    const [asked, failed, , , wrong] = answers;
    expect(asked?.inferResponse && outputsOf(asked.inferResponse).sum).toEqual([10]);
    expect([failed?.errorMessage, wrong?.errorMessage]).toEqual([
      expect.stringContaining("'nope'"),
      expect.stringContaining("'triton_enable_empty_final_response' must be true or false"),
    ]);
  });

  it('aborts its requests when the client cancels it', async () => {
    plane.delayMs = 5000;
    const stream = client.stream();
    stream.on('error', () => {});
    for (const id of ['a', 'b', 'c']) stream.write(echoRequest([1, 2, 3, 4], id));
    await expect.poll(() => plane.waiting).toBe(3);
    stream.cancel();
    await expect.poll(() => plane.aborted).toBe(3);
  });
});

describe('errors', () => {
  const expected: Record<ErrorCode, Status> = {
    'invalid-argument': Status.INVALID_ARGUMENT,
    'not-found': Status.NOT_FOUND,
    unsupported: Status.UNIMPLEMENTED,
    corrupt: Status.INVALID_ARGUMENT,
    'too-large': Status.RESOURCE_EXHAUSTED,
    unauthenticated: Status.UNAUTHENTICATED,
    'queue-full': Status.UNAVAILABLE,
    'deadline-exceeded': Status.UNAVAILABLE,
    cancelled: Status.CANCELLED,
    unavailable: Status.UNAVAILABLE,
    internal: Status.INTERNAL,
  };

  it.each(ERROR_CODES)('%s has its status and keeps its message, on one line', async (code) => {
    plane.failure = { code, message: 'first line\n  größer' };
    const asked = client.call('modelInfer', echoRequest([1, 2, 3, 4]));
    await expect(asked).rejects.toMatchObject({ code: expected[code], details: 'first line größer' });
  });

  it('survives a message that is no Unicode, or endless', async () => {
    for (const message of ['half a pair \ud83d', 'long '.repeat(100_000)]) {
      plane.failure = { code: 'invalid-argument', message };
      await expect(client.call('modelInfer', echoRequest([1, 2, 3, 4]))).rejects.toMatchObject({
        code: Status.INVALID_ARGUMENT,
      });
    }
  });

  it('tells the client nothing of a defect but that there was one', async () => {
    plane.failure = new TypeError('secret');
    const asked = client.call('modelInfer', echoRequest([1, 2, 3, 4]));
    await expect(asked).rejects.toMatchObject({
      code: Status.INTERNAL,
      details: expect.not.stringContaining('secret'),
    });
  });

  it('is UNIMPLEMENTED, naming the method, for what Skein has not', async () => {
    for (const name of [
      'systemSharedMemoryStatus',
      'cudaSharedMemoryRegister',
      'traceSetting',
      'logSettings',
    ] as const) {
      await expect(client.call(name, {})).rejects.toMatchObject({
        code: Status.UNIMPLEMENTED,
        details: expect.stringMatching(new RegExp(name, 'i')),
      });
    }
  });

  it('refuses to listen where another server does, naming the port', async () => {
    await expect(createGrpcServer(plane, { port: server.port })).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining(`127.0.0.1:${server.port}`),
    });
  });
});

describe('the bearer token', () => {
  it.each([
    [{}, false],
    [{ authorization: 'Bearer wrong' }, false],
    [{ authorization: 'Bearer right' }, true],
  ])('with metadata %j a call is let in: %s', async (metadata: Record<string, string>, letIn) => {
    await restart({ token: 'right' });
    const described = client.call('serverMetadata', {}, { metadata }).then(
      () => true,
      (error) => error.code,
    );
    expect(await described).toBe(letIn || Status.UNAUTHENTICATED);
    const call = client.call('modelInfer', echoRequest([1, 2, 3, 4]), { metadata }).then(
      () => true,
      (error) => error.code,
    );
    expect(await call).toBe(letIn || Status.UNAUTHENTICATED);
    const stream = client.stream();
    expect(await collect(stream).catch((error) => error.code)).toBe(Status.UNAUTHENTICATED);
    expect(await health('')).toBe(Serving.SERVING);
    // As /v2/health/* is over HTTP.
    expect((await client.call('serverLive', {}, { metadata })).live).toBe(true);
    expect((await client.call('serverReady', {}, { metadata })).ready).toBe(true);
  });
});

it('serves under a TLS certificate, and refuses one that is none', async () => {
  await restart({ tls: { cert: TEST_CERTIFICATE, key: TEST_KEY } }, { tlsRoot: TEST_CERTIFICATE });
  expect((await client.call('serverLive', {})).live).toBe(true);
  await expect(createGrpcServer(plane, { tls: { cert: 'x', key: 'y' } })).rejects.toMatchObject({
    code: 'invalid-argument',
  });
});

async function health(service: string): Promise<Serving> {
  const asked = Buffer.from(toBinary(HealthCheckRequestSchema, create(HealthCheckRequestSchema, { service })));
  return fromBinary(HealthCheckResponseSchema, await client.callRaw('/grpc.health.v1.Health/Check', asked)).status;
}

describe('grpc.health.v1', () => {
  it('Check follows readiness, and knows which services there are', async () => {
    expect(await health('')).toBe(Serving.SERVING);
    plane.isReady = false;
    expect(await health('inference.GRPCInferenceService')).toBe(Serving.NOT_SERVING);
    await expect(health('other')).rejects.toMatchObject({ code: Status.NOT_FOUND });
  });

  it('Watch tells each change', async () => {
    const same = (bytes: Buffer): Buffer => bytes;
    const metadata = new Metadata();
    const watch = client.makeServerStreamRequest('/grpc.health.v1.Health/Watch', same, same, Buffer.alloc(0), metadata);
    const told: Serving[] = [];
    watch.on('data', (bytes: Buffer) => told.push(fromBinary(HealthCheckResponseSchema, bytes).status));
    watch.on('error', () => {});
    await expect.poll(() => told).toEqual([Serving.SERVING]);
    plane.isReady = false;
    await expect.poll(() => told, { timeout: 3000 }).toEqual([Serving.SERVING, Serving.NOT_SERVING]);
    watch.cancel();
  });
});
