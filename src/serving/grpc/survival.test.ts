import { create, toBinary } from '@bufbuild/protobuf';
import { status as Status } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createEchoPlane, type EchoPlane } from '../../../test/echo-plane.ts';
import { echoRequest, outputsOf, TestClient } from '../../../test/grpc-client.ts';
import { sendRaw } from '../../../test/http-client.ts';
import { Random } from '../../base/index.ts';
import { ModelInferRequestSchema } from './gen/grpc_service_pb.ts';
import { createGrpcServer, type GrpcServer } from './grpc-server.ts';

let plane: EchoPlane;
let server: GrpcServer;
let client: TestClient;

beforeEach(async () => {
  plane = createEchoPlane();
  server = await createGrpcServer(plane, {});
  client = new TestClient(server.port);
});

afterEach(async () => {
  client.close();
  await server.close(0);
});

const INFER = '/inference.GRPCInferenceService/ModelInfer';
const VALID = Buffer.from(
  toBinary(ModelInferRequestSchema, create(ModelInferRequestSchema, echoRequest([1, 2, 3, 4]))),
);

/** A valid message with bytes changed, cut off, put in or repeated, or no message at all. */
function garbageMessage(random: Random): Buffer {
  const noise = (count: number) => Buffer.from(Array.from({ length: count }, () => random.integer(256)));
  const at = random.integer(VALID.length);
  switch (random.integer(5)) {
    case 0:
      return noise(random.integer(300));
    case 1:
      return VALID.subarray(0, at);
    case 2:
      return Buffer.concat([VALID.subarray(0, at), noise(1 + random.integer(8)), VALID.subarray(at)]);
    case 3:
      // Groups within groups, which a decoder may follow down to the end of its stack.
      return Buffer.alloc(100_000, 0x9b);
    default: {
      const changed = Buffer.from(VALID);
      for (let times = 1 + random.integer(3); times > 0; times--)
        changed[random.integer(changed.length)] = random.integer(256);
      return changed;
    }
  }
}

async function checkedCall(random: Random): Promise<void> {
  const row = Array.from({ length: 4 }, () => random.integer(1000));
  const id = `good-${random.uint32()}`;
  const answer = await client.call('modelInfer', echoRequest(row, id));
  expect([answer.id, outputsOf(answer).double]).toEqual([id, row.map((value) => 2 * value)]);
}

async function inParallel(workers: number, times: number, work: (random: Random) => Promise<void>): Promise<void> {
  const one = async (seed: number): Promise<void> => {
    const random = new Random(seed);
    for (let count = 0; count < times; count++) await work(random);
  };
  await Promise.all(Array.from({ length: workers }, (_, seed) => one(seed)));
}

it('1,000 garbage messages are each refused or understood, and good calls beside them get their own answers', async () => {
  const statuses = new Map<Status, number>();
  const bad = inParallel(8, 125, async (random) => {
    const error = await client.callRaw(INFER, garbageMessage(random)).then(
      () => ({ code: Status.OK, details: 'a changed byte may leave it valid' }),
      (refusal: { code: Status; details: string }) => refusal,
    );
    statuses.set(error.code, (statuses.get(error.code) ?? 0) + 1);
    expect(error.details.length).toBeGreaterThan(10);
  });
  await Promise.all([bad, inParallel(4, 100, checkedCall)]);
  const allowed = [Status.OK, Status.INVALID_ARGUMENT, Status.NOT_FOUND, Status.UNIMPLEMENTED];
  expect([...statuses.keys()].filter((code) => !allowed.includes(code))).toEqual([]);
  expect(statuses.get(Status.INVALID_ARGUMENT)).toBeGreaterThan(500);
});

it('a stream answers garbage by an error and goes on', async () => {
  const random = new Random(7);
  const same = (bytes: Buffer): Buffer => bytes;
  const raw = client.makeBidiStreamRequest('/inference.GRPCInferenceService/ModelStreamInfer', same, same);
  for (let count = 0; count < 200; count++) raw.write(count % 2 === 0 ? VALID : garbageMessage(random));
  raw.end();
  let answers = 0;
  for await (const _ of raw) answers++;
  expect(answers).toBe(200);
});

it('garbage and half-open connections harm nobody, and do not hold up the end', async () => {
  const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
  const bad = inParallel(10, 10, async (random) => {
    const noise = Buffer.from(Array.from({ length: 1 + random.integer(400) }, () => random.integer(256)));
    const start = random.integer(2) === 0 ? preface.slice(0, 1 + random.integer(preface.length)) : preface;
    await sendRaw(server.port, Buffer.concat([Buffer.from(start), noise]), random.integer(2) === 0, 200);
  });
  await Promise.all([bad, inParallel(4, 50, checkedCall)]);
  const open = sendRaw(server.port, preface, true);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const start = performance.now();
  expect(await server.close(3000)).toBe(0);
  expect(performance.now() - start).toBeLessThan(2500);
  expect(await open).not.toContain('(open)');
});
