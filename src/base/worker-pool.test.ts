import { afterEach, expect, it } from 'vitest';
import type { TestJob } from './worker-pool.test-worker.ts';
import { WorkerPool } from './worker-pool.ts';

const script = new URL('./worker-pool.test-worker.js', import.meta.url);
let pool: WorkerPool<TestJob, number>;

function start(size: number, workerData?: unknown): string[] {
  const deaths: string[] = [];
  pool = new WorkerPool({ name: 'test', script, size, workerData, onDeath: (reason) => deaths.push(reason) });
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
  // One after another, with time for the first one's job to be answered elsewhere: a job that dies twice fails.
  await pool.kill(0);
  await jobs[100];
  await pool.kill(1);
  expect(await Promise.all(jobs)).toEqual(Array.from({ length: 200 }, (_, value) => value * value));
});

it('fails with the reason where no thread can be started', async () => {
  start(1, { broken: true });
  await expect(pool.run(() => ({ message: { kind: 'recall' } }))).rejects.toThrow(/broken at the start/);
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
