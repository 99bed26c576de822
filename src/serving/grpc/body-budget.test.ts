import { status as Status } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createEchoPlane, type EchoPlane } from '../../../test/echo-plane.ts';
import { collect, type InferInit, outputsOf, TestClient } from '../../../test/grpc-client.ts';
import { BodyBudget } from '../body-budget.ts';
import { createGrpcServer, type GrpcServer } from './grpc-server.ts';

const ROWS = 4000;
const LIMIT_BYTES = 150_000;
let plane: EchoPlane;
let server: GrpcServer;
let client: TestClient;
let budget: BodyBudget;

beforeEach(async () => {
  plane = createEchoPlane();
  // Room for two of the messages below.
  budget = new BodyBudget(LIMIT_BYTES);
  server = await createGrpcServer(plane, { bodyBudget: budget });
  client = new TestClient(server.port);
});

afterEach(async () => {
  client.close();
  await server.close(0);
});

function large(value: number): InferInit {
  return {
    modelName: 'echo',
    inputs: [{ name: 'input', datatype: 'FP32', shape: [BigInt(ROWS), 4n] }],
    rawInputContents: [new Uint8Array(new Float32Array(ROWS * 4).fill(value).buffer)],
  };
}

const REFUSAL = { code: Status.UNAVAILABLE, details: expect.stringContaining(`must not exceed ${LIMIT_BYTES} bytes`) };

it('messages above the limit of all together are refused until others are answered', async () => {
  plane.delayMs = 400;
  const held = [1, 2].map((value) => client.call('modelInfer', large(value)));
  await expect.poll(() => plane.waiting).toBe(2);
  await expect(client.call('modelInfer', large(3))).rejects.toMatchObject(REFUSAL);
  expect((await Promise.all(held)).map((answer) => outputsOf(answer).sum?.[0])).toEqual([4, 8]);
  await expect.poll(() => budget.heldBytes).toBe(0);
  expect(outputsOf(await client.call('modelInfer', large(3))).sum?.[0]).toBe(12);
});

it('in a stream the request is refused and the others are answered', async () => {
  plane.delayMs = 200;
  const stream = client.stream();
  for (const value of [1, 2, 3]) stream.write(large(value));
  stream.end();
  const answers = await collect(stream);
  expect(answers.map(({ errorMessage }) => errorMessage)).toEqual(['', '', REFUSAL.details]);
  expect(budget.heldBytes).toBe(0);
});

it('40 large messages at once: each is answered right or refused', async () => {
  plane.delayMs = 20;
  const values = Array.from({ length: 40 }, (_, value) => value);
  const outcomes = await Promise.all(
    values.map((value) =>
      client.call('modelInfer', large(value)).then(
        (answer) => {
          expect(outputsOf(answer).sum).toEqual(Array(ROWS).fill(4 * value));
          return 'answered';
        },
        (error) => {
          expect(error).toMatchObject(REFUSAL);
          return 'refused';
        },
      ),
    ),
  );
  expect(new Set(outcomes)).toEqual(new Set(['answered', 'refused']));
  await expect.poll(() => budget.heldBytes).toBe(0);
});
