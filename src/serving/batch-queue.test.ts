import { beforeEach, expect, it } from 'vitest';
import { SkeinError } from '../base/index.ts';
import type { ImageBatch, PredictContext, Scores } from '../plan/predictor.ts';
import { BatchQueue, type BatchQueueOptions, type RowRunner } from './batch-queue.ts';
import { Dispatcher } from './dispatcher.ts';
import { WaitingRoom } from './waiting-room.ts';

/** Two workers whose batches end when the test says so; a row's scores are [value, −value]. */
class FakeModel implements RowRunner {
  readonly inputSize = 1;
  readonly classes = 2;
  readonly scale = 'logits';
  fixedBatch: number | undefined;
  readonly workers: number;
  /** Batches that a busy worker takes besides the one that it is at. */
  ahead = 0;
  readonly running: { values: number[]; end: (error?: SkeinError) => Promise<void> }[] = [];
  readonly #listeners: (() => void)[] = [];
  now = 0;

  constructor(workers: number) {
    this.workers = workers;
  }

  get idle(): number {
    return Math.max(0, this.workers - this.running.length);
  }

  get spare(): number {
    return this.ahead === 0 || this.idle > 0 ? 0 : this.workers * (1 + this.ahead) - this.running.length;
  }

  onIdle(listener: () => void): () => void {
    this.#listeners.push(listener);
    return () => {};
  }

  run(count: number, fill: (target: Float32Array) => void): Promise<{ scores: Float32Array; computeMs: number }> {
    const target = new Float32Array(count);
    fill(target);
    return new Promise((resolve, reject) => {
      const job = {
        values: [...target],
        end: async (error?: SkeinError) => {
          this.running.splice(this.running.indexOf(job), 1);
          if (error === undefined) {
            resolve({ scores: Float32Array.from([...target].flatMap((value) => [value, -value])), computeMs: 1 });
          } else reject(error);
          await settled();
          for (const listener of this.#listeners) listener();
          await settled();
        },
      };
      this.running.push(job);
    });
  }

  /** Ends the oldest batch after so many milliseconds. */
  async end(tookMs = 1, error?: SkeinError): Promise<void> {
    this.now += tookMs;
    await this.running[0]?.end(error);
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));
const rows = (...values: number[]): ImageBatch => ({ count: values.length, data: Float32Array.from(values) });

let model: FakeModel;
let queue: BatchQueue;

function start(workers: number, options: Partial<BatchQueueOptions> = {}, fixedBatch?: number): void {
  model = new FakeModel(workers);
  model.fixedBatch = fixedBatch;
  queue = new BatchQueue(model, new Dispatcher(model), {
    path: 'root',
    depth: 0,
    budgetMs: 50,
    maxBatch: 8,
    room: new WaitingRoom(100),
    clock: { now: () => model.now },
    ...options,
  });
}

/** Asks, and keeps what came of it. */
function ask(
  batch: ImageBatch,
  context?: PredictContext,
): { answer: Scores | undefined; error: SkeinError | undefined } {
  const outcome: { answer: Scores | undefined; error: SkeinError | undefined } = {
    answer: undefined,
    error: undefined,
  };
  queue.predict(batch, context).then(
    (answer) => {
      outcome.answer = answer;
    },
    (error: SkeinError) => {
      outcome.error = error;
    },
  );
  return outcome;
}

/** Lets the size grow to the maximum, as full batches within the budget do. */
async function warmUp(): Promise<void> {
  for (let i = 0; i < 12; i++) {
    void queue.predict(rows(...new Array<number>(16).fill(0)));
    while (model.running.length > 0) await model.end();
  }
  expect(queue.batchSize).toBe(8);
}

beforeEach(() => start(1));

it('hands a busy worker its next batch ahead only where that is full', async () => {
  start(1);
  await warmUp();
  model.ahead = 1;
  ask(rows(1));
  ask(rows(2, 3));
  expect(model.running.map(({ values }) => values)).toEqual([[1]]);
  ask(rows(4, 5, 6, 7, 8, 9, 10));
  expect(model.running.map(({ values }) => values)).toEqual([[1], [2, 3, 4, 5, 6, 7, 8, 9]]);
  ask(rows(...new Array<number>(20).fill(0)));
  expect(model.running).toHaveLength(2);
});

it('runs a lone request at once', () => {
  ask(rows(7));
  expect(model.running.map((job) => job.values)).toEqual([[7]]);
});

it('gathers what comes while all workers are busy into the next batch, and gives each request its own rows', async () => {
  await warmUp();
  const first = ask(rows(1));
  const second = ask(rows(2, 3));
  const third = ask(rows(4));
  expect(model.running.map((job) => job.values)).toEqual([[1]]);
  await model.end();
  expect(model.running.map((job) => job.values)).toEqual([[2, 3, 4]]);
  await model.end();
  expect(first.answer?.data).toEqual(Float32Array.of(1, -1));
  expect(second.answer?.data).toEqual(Float32Array.of(2, -2, 3, -3));
  expect(third.answer).toEqual({ count: 1, data: Float32Array.of(4, -4), answeredBy: ['root'] });
});

it('spreads a request over several batches and puts it together again', async () => {
  await warmUp();
  const values = Array.from({ length: 19 }, (_, i) => i);
  const big = ask(rows(...values));
  const other = ask(rows(99));
  const sizes: number[] = [];
  while (model.running.length > 0) {
    sizes.push(model.running[0]?.values.length ?? 0);
    await model.end();
  }
  expect(sizes).toEqual([8, 8, 4]);
  expect(big.answer?.data).toEqual(Float32Array.from(values.flatMap((value) => [value, -value])));
  expect(other.answer?.data).toEqual(Float32Array.of(99, -99));
});

it('shares what waits among the free workers', async () => {
  start(2);
  await warmUp();
  ask(rows(1, 2, 3, 4, 5, 6));
  expect(model.running.map((job) => job.values)).toEqual([
    [1, 2, 3],
    [4, 5, 6],
  ]);
});

it('never makes a batch larger than the model was exported with', async () => {
  start(1, {}, 2);
  const answer = ask(rows(1, 2, 3, 4, 5));
  while (model.running.length > 0) {
    expect(model.running[0]?.values.length).toBeLessThanOrEqual(2);
    await model.end();
  }
  expect(answer.answer?.count).toBe(5);
});

it('serves by priority, then deadline', async () => {
  ask(rows(0));
  ask(rows(1), { priority: 9 });
  ask(rows(2), { deadline: 900 });
  ask(rows(3), { deadline: 500 });
  ask(rows(4), { priority: 1 });
  const order: number[] = [];
  while (model.running.length > 0) {
    order.push(...(model.running[0]?.values ?? []));
    await model.end(0);
  }
  expect(order).toEqual([0, 4, 3, 2, 1]);
});

it('counts the rows that wait, those that other models wait for too as a part of each, and refuses none', async () => {
  const room = new WaitingRoom(4);
  start(1, { room, path: 'root.parallel.0', siblings: { count: 2 } });
  ask(rows(0));
  const waiting = [ask(rows(1, 2, 3, 4)), ask(rows(5, 6, 7, 8)), ask(rows(9, 10, 11, 12))];
  expect(room.rows).toBe(6);
  while (model.running.length > 0) await model.end();
  expect(waiting.map(({ answer }) => answer?.count)).toEqual([4, 4, 4]);
  expect(room.rows).toBe(0);
});

it('sweep() takes out what nobody waits for any more', async () => {
  const room = new WaitingRoom(4);
  start(1, { room });
  ask(rows(0));
  const gone = new AbortController();
  const dropped = ask(rows(1, 2), { signal: gone.signal });
  gone.abort();
  expect(room.rows).toBe(2);
  queue.sweep();
  await settled();
  expect(room.rows).toBe(0);
  expect(dropped.error).toMatchObject({ code: 'cancelled' });
});

it('refuses what cannot be in time before it costs anything', async () => {
  for (let i = 0; i < 20; i++) {
    ask(rows(0));
    await model.end(10);
  }
  const before = model.running.length;
  const late = ask(rows(1), { deadline: model.now + 5 });
  await settled();
  expect(late.error).toMatchObject({ code: 'deadline-exceeded' });
  expect(model.running.length).toBe(before);
  const inTime = ask(rows(1), { deadline: model.now + 15 });
  await model.end(10);
  expect(inTime.answer?.count).toBe(1);
});

it('refuses what cannot be in time because of what stands before it', async () => {
  start(1, { maxBatch: 1 });
  for (let i = 0; i < 20; i++) {
    ask(rows(0));
    await model.end(10);
  }
  ask(rows(0));
  for (let i = 0; i < 5; i++) ask(rows(1), { deadline: 1e6 });
  const behind = ask(rows(2), { deadline: model.now + 35, priority: 6 });
  const before = ask(rows(3), { deadline: model.now + 35 });
  await settled();
  expect(behind.error).toMatchObject({ code: 'deadline-exceeded' });
  expect(before.error).toBeUndefined();
});

it('refuses nobody because of requests before it that nobody waits for any more', async () => {
  start(1, { maxBatch: 1 });
  for (let i = 0; i < 20; i++) {
    ask(rows(0));
    await model.end(10);
  }
  ask(rows(0));
  const gone = new AbortController();
  for (let i = 0; i < 5; i++) ask(rows(1), { signal: gone.signal });
  gone.abort();
  const behind = ask(rows(2), { deadline: model.now + 35, priority: 6 });
  await settled();
  expect(behind.error).toBeUndefined();
});

it('drops what a client no longer waits for, without computing it', async () => {
  ask(rows(0));
  const gone = new AbortController();
  const dropped = ask(rows(1), { signal: gone.signal });
  const kept = ask(rows(2));
  gone.abort();
  await model.end();
  expect(model.running.map((job) => job.values)).toEqual([[2]]);
  await model.end();
  expect(dropped.error).toMatchObject({ code: 'cancelled' });
  expect(kept.answer?.data).toEqual(Float32Array.of(2, -2));
});

it('tells a request that nobody takes when its deadline passes', async () => {
  ask(rows(0));
  const waiting = ask(rows(1), { deadline: 20 });
  model.now = 25;
  await new Promise((resolve) => setTimeout(resolve, 40));
  expect(waiting.error).toMatchObject({ code: 'deadline-exceeded' });
  expect(queue.waitingRows).toBe(0);
});

it('one stalled batch refuses nobody who comes a second later, and few before', async () => {
  ask(rows(0));
  await model.end(400);
  model.now += 1001;
  for (let i = 0; i < 50; i++) {
    const lone = ask(rows(1), { deadline: model.now + 100 });
    await model.end(2);
    expect(lone.answer?.count).toBe(1);
  }
});

it('a request that fails alone does not fail those that came with it', async () => {
  await warmUp();
  ask(rows(0));
  const good = ask(rows(1));
  const bad = ask(rows(2));
  await model.end();
  expect(model.running.map((job) => job.values)).toEqual([[1, 2]]);
  const failure = new SkeinError('invalid-argument', 'cannot reshape');
  await model.end(1, failure);
  expect(model.running.map((job) => job.values)).toEqual([[1]]);
  await model.end();
  expect(model.running.map((job) => job.values)).toEqual([[2]]);
  await model.end(1, failure);
  expect(good.answer?.data).toEqual(Float32Array.of(1, -1));
  expect(bad.error).toMatchObject({ code: 'internal' });
});

it('a failed batch fails its own requests only', async () => {
  const failing = ask(rows(1));
  const waiting = ask(rows(2));
  await model.end(1, new SkeinError('unavailable', 'died twice'));
  await model.end();
  expect(failing.error).toMatchObject({ code: 'unavailable' });
  expect(waiting.answer?.data).toEqual(Float32Array.of(2, -2));
});

it('a failed batch takes the rest of its request out of the queue', async () => {
  await warmUp();
  const large = ask(rows(...new Array<number>(30).fill(1)));
  const next = ask(rows(5));
  await model.end(1, new SkeinError('unavailable', 'died twice'));
  expect(large.error).toMatchObject({ code: 'unavailable' });
  expect(model.running.map((job) => job.values)).toEqual([[5]]);
  await model.end();
  expect(next.answer?.count).toBe(1);
  expect(queue.waitingRows).toBe(0);
});

it('answers a request of no rows with no rows', async () => {
  const empty = ask(rows());
  await settled();
  expect(empty.answer).toEqual({ count: 0, data: new Float32Array(0), answeredBy: [] });
});

it('close() refuses what waits and answers what runs', async () => {
  const running = ask(rows(1));
  const waiting = ask(rows(2));
  queue.close();
  await model.end();
  expect(running.answer?.count).toBe(1);
  expect(waiting.error).toMatchObject({ code: 'unavailable' });
});

it('serves the parts of one request longest first', async () => {
  model = new FakeModel(1);
  const dispatcher = new Dispatcher(model);
  const siblings = { count: 3 };
  const [short, long, middle] = [1, 9, 4].map((tookMs, part) => {
    const options = { path: `root.parallel.${part}`, depth: 0, budgetMs: 50, maxBatch: 8, siblings };
    const clock = { now: () => model.now };
    return { tookMs, part: new BatchQueue(model, dispatcher, { ...options, room: new WaitingRoom(9), clock }) };
  }) as [
    { tookMs: number; part: BatchQueue },
    { tookMs: number; part: BatchQueue },
    { tookMs: number; part: BatchQueue },
  ];
  const parts = [short, long, middle];
  for (const { tookMs, part } of parts) {
    void part.predict(rows(tookMs));
    await model.end(tookMs);
  }
  expect(parts.map(({ part }) => part.expectedMs(1))).toEqual([1, 9, 4]);
  void short.part.predict(rows(0));
  for (const { tookMs, part } of parts) void part.predict(rows(tookMs));
  const order: number[] = [];
  while (model.running.length > 0) {
    order.push(...(model.running[0]?.values ?? []));
    await model.end(0);
  }
  expect(order).toEqual([0, 9, 4, 1]);
});
