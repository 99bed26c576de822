import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClassView, evenOrder } from './class-view.ts';
import type { Dataset } from './dataset.ts';
import { openData } from './open-data.ts';

const PRE = { shape: [3, 8, 8], mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } as const;

let data: Dataset;
beforeAll(async () => {
  data = await openData('shapes', { limit: 20, split: 'train' });
});
afterAll(() => data.close());

async function seen(view: Dataset, order?: ArrayLike<number>) {
  const labels: number[] = [];
  const indices: number[] = [];
  for await (const batch of view.batches(PRE, 6, order === undefined ? {} : { order })) {
    labels.push(...batch.labels);
    indices.push(...batch.indices);
  }
  return { labels, indices };
}

describe('ClassView', () => {
  it('has its own classes behind other', async () => {
    const view = new ClassView(data, [2, 7]);
    expect(view.classNames).toEqual(['other', data.classNames[2], data.classNames[7]]);
    const expected = [...data.labels].map((label) => (label === 2 ? 1 : label === 7 ? 2 : 0));
    expect([...view.labels]).toEqual(expected);
    expect(await seen(view)).toEqual({ labels: expected, indices: [...data.labels.keys()] });
    expect([view.size, view.label(3), view.name(3)]).toEqual([20, expected[3], data.name(3)]);
  });

  it('has another name for the others where a class of its own is called other', async () => {
    const named = { ...data, classNames: ['other', 'cat', 'dog'], labels: Int32Array.of(0, 1, 2) };
    expect(new ClassView(named, [0]).classNames).toEqual(['all others', 'other']);
    expect(new ClassView(named, [1, 2]).classNames).toEqual(['other', 'cat', 'dog']);
  });

  it('comes in its order, unless a call has one', async () => {
    const view = new ClassView(data, [0], [5, 3, 5]);
    expect((await seen(view)).indices).toEqual([5, 3, 5]);
    expect((await seen(view, [1, 2])).indices).toEqual([1, 2]);
    expect(view.size).toBe(20);
  });

  it('is told apart from other views by its digest', async () => {
    const views = [new ClassView(data, [1]), new ClassView(data, [2]), new ClassView(data, [2], [0]), data];
    const digests = await Promise.all(views.map((view) => view.digest()));
    expect(new Set(digests).size).toBe(4);
    expect(await new ClassView(data, [2], [0]).digest()).toBe(digests[2]);
  });

  it.each([[[10]], [[1, 1]]])('refuses classes %j', (classes) => {
    expect(() => new ClassView(data, classes)).toThrow("A view of 'shapes' needs different classes from 0 to 9");
  });
});

describe('evenOrder()', () => {
  it('repeats what is rare until it weighs as much as other', () => {
    expect([...evenOrder(Int32Array.of(0, 1, 0, 0, 0, 0))]).toEqual([0, 1, 1, 1, 1, 1, 2, 3, 4, 5]);
    // Two classes of 1½ images each, and six others: four times.
    const counts = evenOrder(Int32Array.of(1, 2, 2, 0, 0, 0, 0, 0, 0)).reduce((sum, i) => sum + (i < 3 ? 1 : 0), 0);
    expect(counts).toBe(12);
  });

  it('takes each once where nothing is other, or nothing is its own', () => {
    expect([...evenOrder(Int32Array.of(1, 2))]).toEqual([0, 1]);
    expect([...evenOrder(Int32Array.of(0, 0))]).toEqual([0, 1]);
  });
});
