import { expect, it } from 'vitest';
import { Random } from '../base/index.ts';
import { type QueueEntry, RequestQueue } from './request-queue.ts';

interface Entry extends QueueEntry {
  readonly id: number;
}

it('serves by priority, then deadline, then arrival, as sorting does, with entries removed', () => {
  const random = new Random(9);
  const queue = new RequestQueue<Entry>();
  const entries: Entry[] = Array.from({ length: 500 }, (_, id) => ({
    id,
    priority: 1 + random.integer(3),
    deadline: random.uniform() < 0.3 ? Number.POSITIVE_INFINITY : random.integer(20),
  }));
  for (const entry of entries) queue.push(entry);
  const gone = new Set(entries.filter(() => random.uniform() < 0.2));
  for (const entry of gone) queue.remove(entry);
  expect(queue.length).toBe(500 - gone.size);

  const expected = entries
    .filter((entry) => !gone.has(entry))
    .sort((a, b) => a.priority - b.priority || compare(a.deadline, b.deadline) || a.id - b.id);
  const served: Entry[] = [];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) served.push(next);
  expect(served.map((entry) => entry.id)).toEqual(expected.map((entry) => entry.id));
  expect(queue.length).toBe(0);
});

it('peek() leaves the entry, and passes over removed ones', () => {
  const queue = new RequestQueue<Entry>();
  const first = { id: 1, priority: 1, deadline: 5 };
  const second = { id: 2, priority: 1, deadline: 6 };
  queue.push(second);
  queue.push(first);
  expect(queue.peek()).toBe(first);
  queue.remove(first);
  expect(queue.peek()).toBe(second);
  expect([...queue]).toEqual([second]);
  expect(queue.length).toBe(1);
});

function compare(a: number, b: number): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
