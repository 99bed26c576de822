import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEchoPlane, ECHO_LABELS, type EchoPlane } from '../../../test/echo-plane.ts';
import { startFakeServer } from '../../../test/fake-server.ts';
import { createGrpcServer, type GrpcServer } from '../../serving/grpc/index.ts';
import { describeGrpcTarget, grpcInferenceWorkload } from './grpc-workload.ts';
import { runLoad } from './run-load.ts';

const token = 'secret';
let plane: EchoPlane;
let server: GrpcServer;
let url: URL;
beforeEach(async () => {
  plane = createEchoPlane();
  server = await createGrpcServer(plane, { token });
  url = new URL(`grpc://127.0.0.1:${server.port}`);
});
afterEach(async () => {
  await server.close(0);
});

/** Rows whose largest element is the one that the label names; the server answers them doubled. */
const labels = Int32Array.of(2, 0, 3, 1, 1);
const contents = [...labels].map((label) => {
  const row = Float32Array.from({ length: 4 }, (_, i) => (i === label ? 5 : i));
  return new Uint8Array(row.buffer);
});

describe('grpcInferenceWorkload', () => {
  it('sends tensors that are answered for what they hold', async () => {
    const target = await describeGrpcTarget({ url, token }, 'echo');
    const workload = grpcInferenceWorkload({ url, token }, target, 'tensor', { contents, labels });
    const result = await runLoad(workload, { connections: 3, requests: 20, warmupMs: 0 });
    expect(result).toMatchObject({ sent: 20, ok: 20, failed: 0, top1: 1 });
  });

  it('counts refusals by status and message', async () => {
    const target = await describeGrpcTarget({ url, token }, 'echo');
    const workload = grpcInferenceWorkload({ url, token }, target, 'tensor', { contents, labels });
    plane.failure = { code: 'deadline-exceeded', message: 'too late: 5 % left' };
    const result = await runLoad(workload, { connections: 1, requests: 3, warmupMs: 0 });
    expect(result.failed).toBe(3);
    expect(Object.keys(result.errors)).toEqual([expect.stringMatching(/^UNAVAILABLE: .*too late: 5 % left/)]);
  });

  it('gives up a call that is never answered and goes on with a new connection', async () => {
    const target = await describeGrpcTarget({ url, token }, 'echo');
    const workload = grpcInferenceWorkload({ url, token }, target, 'tensor', { contents, labels });
    plane.delayMs = 60_000;
    const options = { connections: 1, requests: 2, warmupMs: 0, timeoutMs: 100 };
    const result = await runLoad(workload, options);
    expect(result).toMatchObject({ sent: 2, failed: 2, errors: { 'no answer in time': 2 } });
  });

  it('refuses the payload that only HTTP has', async () => {
    const target = await describeGrpcTarget({ url, token }, 'echo');
    expect(() => grpcInferenceWorkload({ url }, target, 'image', { contents, labels })).toThrow(
      /no classify.*--payload bytes/,
    );
  });
});

describe('describeGrpcTarget', () => {
  it('learns the signature', async () => {
    const target = await describeGrpcTarget({ url, token }, 'echo');
    expect(target).toMatchObject({
      input: { name: 'input', datatype: 'FP32', shape: [-1, 4] },
      output: { name: 'double' },
    });
  });

  it('learns the labels through the classification extension', async () => {
    const target = await describeGrpcTarget({ url, token }, 'echo');
    expect(target.labels).toEqual(ECHO_LABELS);
  });

  it('says that there is no such model', async () => {
    await expect(describeGrpcTarget({ url, token }, 'other')).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringMatching(/NOT_FOUND: .*no model 'other'/),
    });
  });

  it('asks for the token that is missing', async () => {
    await expect(describeGrpcTarget({ url }, 'echo')).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  it('says that there is no server', async () => {
    await server.close(0);
    await expect(describeGrpcTarget({ url }, 'echo')).rejects.toMatchObject({
      code: 'unavailable',
      message: `Cannot reach grpc://${url.host}: connection refused; is the server running?`,
    });
  });

  it('says that a server speaks something else', async () => {
    const other = await startFakeServer();
    try {
      await expect(describeGrpcTarget({ url: other.url }, 'echo')).rejects.toMatchObject({ code: 'unavailable' });
    } finally {
      await other.close();
    }
  });
});
