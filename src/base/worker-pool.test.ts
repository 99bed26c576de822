import { afterEach, expect, it } from 'vitest';
import type { TestJob } from './worker-pool.test-worker.ts';
import { WorkerPool } from './worker-pool.ts';

const script = new URL('./worker-pool.test-worker.js', import.meta.url);
let pool: WorkerPool<TestJob, number>;

function start(size: number, workerData?: unknown, ahead = 0, graceMs?: number): string[] {
  const deaths: string[] = [];
  const onDeath = (reason: string) => deaths.push(reason);
  const grace = graceMs === undefined ? {} : { graceMs };
  pool = new WorkerPool({ name: 'test', script, size, workerData, ahead, onDeath, ...grace });
  return deaths;
}

afterEach(() => pool.close());

it('answers each job with its own result, more jobs than threads', async () => {
  start(2);
  const values = Array.from({ length: 50 }, (_, i) => i);
  const squares = await Promise.all(values.map((value) => pool.run(() => ({ message: { kind: 'square', value } }))));
  expect(squares).toEqual(values.map((value) => value * value));
  expect(pool.idle).toBe(2);
});

it('moves buffers instead of copying them', async () => {
  start(1);
  const data = Float32Array.of(1, 2, 3);
  const sum = await pool.run(() => ({ message: { kind: 'sum', data }, transfer: [data.buffer] }));
  expect(sum).toBe(6);
  expect(data.byteLength).toBe(0);
});

it('passes on the code and message of an error and goes on working', async () => {
  start(1);
  await expect(pool.run(() => ({ message: { kind: 'refuse' } }))).rejects.toMatchObject({
    code: 'invalid-argument',
    message: 'not this one',
  });
  expect(await pool.run(() => ({ message: { kind: 'square', value: 3 } }))).toBe(9);
});

it('tries the job of a dead thread once more on its replacement', async () => {
  const deaths = start(1);
  const unless = new SharedArrayBuffer(4);
  expect(await pool.run(() => ({ message: { kind: 'die', unless } }))).toBe(1);
  expect(deaths).toHaveLength(1);
});

it('fails a job whose thread dies twice, and answers the next', async () => {
  const deaths = start(1);
  await expect(pool.run(() => ({ message: { kind: 'die' } }))).rejects.toMatchObject({ code: 'unavailable' });
  expect(deaths).toHaveLength(2);
  expect(await pool.run(() => ({ message: { kind: 'square', value: 4 } }))).toBe(16);
});

it('gives a busy thread as many jobs ahead as it should, and tells when it turns to each', async () => {
  start(2, undefined, 1);
  const events: string[] = [];
  const job = (value: number) =>
    pool
      .run(
        () => {
          events.push(`made ${value}`);
          return { message: { kind: 'square', value, delayMs: 5 } };
        },
        () => events.push(`started ${value}`),
      )
      .then(() => events.push(`answered ${value}`));
  expect([pool.idle, pool.spare]).toEqual([2, 0]);
  const jobs = [0, 1, 2, 3, 4].map(job);
  expect([pool.idle, pool.spare, pool.queued]).toEqual([0, 0, 1]);
  expect(events).toEqual(['made 0', 'started 0', 'made 1', 'started 1', 'made 2', 'made 3']);
  await Promise.all(jobs);
  for (const value of [2, 3, 4]) {
    const [started, answered] = [`started ${value}`, `answered ${value}`].map((event) => events.indexOf(event));
    expect(started).toBeGreaterThan(events.indexOf(`made ${value}`));
    expect(answered).toBeGreaterThan(started as number);
  }
});

it('gives a job ahead to the thread that should be free first, and keeps it where that one has enough', async () => {
  start(2, undefined, 1);
  const gate = new SharedArrayBuffer(4);
  const long = pool.run(() => ({ message: { kind: 'wait', gate } }), undefined, 60_000);
  const jobs = [1, 2, 3, 4].map((value) =>
    pool.run(() => ({ message: { kind: 'square', value, delayMs: 1 } }), undefined, 10),
  );
  // The long one has room, but would come to a job much later.
  expect([pool.idle, pool.spare, pool.queued]).toEqual([0, 0, 2]);
  expect(await Promise.all(jobs)).toEqual([1, 4, 9, 16]);
  Atomics.store(new Int32Array(gate), 0, 1);
  Atomics.notify(new Int32Array(gate), 0);
  expect(await long).toBe(0);
});

it('does not blame the death of a thread on the jobs that it was given ahead', async () => {
  const deaths = start(1, undefined, 2);
  const deadly = pool.run(() => ({ message: { kind: 'die' } }));
  const behind = [5, 6].map((value) => pool.run(() => ({ message: { kind: 'square', value } })));
  await expect(deadly).rejects.toMatchObject({ code: 'unavailable' });
  expect(await Promise.all(behind)).toEqual([25, 36]);
  expect(deaths).toHaveLength(2);
});

it('installs on every thread, and on replacements before their first job', async () => {
  start(2);
  expect(await pool.install('a', () => ({ message: { kind: 'remember', value: 5 } }))).toEqual([0, 0]);
  await pool.kill(0);
  await pool.kill(1);
  const recalled = await Promise.all([1, 2, 3, 4].map(() => pool.run(() => ({ message: { kind: 'recall' } }))));
  expect(recalled).toEqual([5, 5, 5, 5]);
});

it('a replacement that cannot hold one thing still holds and answers the others', async () => {
  const failures: string[] = [];
  const deaths: string[] = [];
  pool = new WorkerPool({
    name: 'test',
    script,
    size: 2,
    onDeath: (reason) => deaths.push(reason),
    onInstallFailure: (key, reason) => failures.push(`${key}: ${reason}`),
  });
  const counter = new SharedArrayBuffer(4);
  await pool.install('gone', () => ({ message: { kind: 'once', counter, limit: 2 } }));
  await pool.install('kept', () => ({ message: { kind: 'remember', value: 7 } }));
  await pool.kill(0);
  await pool.kill(1);
  const recalled = await Promise.all([1, 2, 3, 4].map(() => pool.run(() => ({ message: { kind: 'recall' } }))));
  expect(recalled).toEqual([7, 7, 7, 7]);
  while (failures.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(failures).toEqual(['gone: not again', 'gone: not again']);
  expect(deaths).toHaveLength(2);
});

it('threads killed one after another lose no job of 200 under way', async () => {
  start(2);
  const jobs = Array.from({ length: 200 }, (_, value) =>
    pool.run(() => ({ message: { kind: 'square', value, delayMs: 1 } })),
  );
  // One after another, when the job of the first has been answered elsewhere: a job that dies twice fails.
  await pool.kill(0);
  await Promise.all(jobs.slice(0, 101));
  await pool.kill(1);
  expect(await Promise.all(jobs)).toEqual(Array.from({ length: 200 }, (_, value) => value * value));
});

it('fails with the reason where no thread can be started', async () => {
  start(1, { broken: true });
  await expect(pool.run(() => ({ message: { kind: 'recall' } }))).rejects.toThrow(/broken at the start/);
});

it('close() ends a thread in the middle of its job where that is allowed', async () => {
  start(1, undefined, 0, 0);
  await pool.run(() => ({ message: { kind: 'square', value: 1 } }));
  const spinning = pool.run(() => ({ message: { kind: 'spin' } }));
  spinning.catch(() => undefined);
  // With no such option ten seconds later.
  await pool.close();
  await expect(spinning).rejects.toMatchObject({ code: 'unavailable' });
}, 8_000);

it('broadcast() after close() fails instead of asking threads that are gone', async () => {
  await pool.close();
  await expect(pool.broadcast(() => ({ message: { kind: 'recall' } }))).rejects.toMatchObject({ code: 'unavailable' });
});

it('close() fails what is not answered', async () => {
  start(1);
  const first = pool.run(() => ({ message: { kind: 'square', value: 1, delayMs: 10_000 } }));
  const second = pool.run(() => ({ message: { kind: 'square', value: 1 } }));
  const outcomes = Promise.allSettled([first, second]);
  await pool.close();
  for (const outcome of await outcomes) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'unavailable' } });
  }
});
