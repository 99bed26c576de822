/**
 * What every Predictor must do, whatever is behind it. Used as
 * `describe('BatchQueue', () => predictorContract(async () => ({ predictor, image, close })))`.
 */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ImageBatch, Predictor, Scores } from '../src/plan/predictor.ts';

export interface PredictorFixture {
  readonly predictor: Predictor;
  /** A different image for each i; in a cascade both sure and unsure ones are among the first 40. */
  readonly image: (i: number) => Float32Array;
  readonly close?: () => Promise<void>;
}

/** Where the scores of a row may come from: a cascade has none of its own. */
function answerers({ kind, path, children }: Predictor): string[] {
  return kind === 'cascade' ? children.flatMap(answerers) : [path];
}

export function predictorContract(make: () => Promise<PredictorFixture>): void {
  let fixture: PredictorFixture;
  beforeEach(async () => {
    fixture = await make();
  });
  afterEach(async () => {
    await fixture.close?.();
  });

  const batchOf = (rows: readonly Float32Array[]): ImageBatch => {
    const size = fixture.image(0).length;
    const data = new Float32Array(rows.length * size);
    for (const [i, row] of rows.entries()) data.set(row, i * size);
    return { count: rows.length, data };
  };
  const images = (indices: readonly number[]) => batchOf(indices.map((i) => fixture.image(i)));
  const rowOf = (scores: Scores, row: number) => [
    ...scores.data.slice(row * fixture.predictor.classes, (row + 1) * fixture.predictor.classes),
  ];
  const expectSameRow = (scores: Scores, row: number, alone: Scores) => {
    expect(scores.answeredBy[row]).toBe(alone.answeredBy[0]);
    // A batch may be computed in another order of summation than one image.
    for (const [k, value] of rowOf(scores, row).entries()) expect(value).toBeCloseTo(alone.data[k] as number, 3);
  };
  const range = (count: number) => Array.from({ length: count }, (_, i) => i);
  const eachAlone = () => Promise.all(range(40).map((i) => fixture.predictor.predict(images([i]))));

  it('answers a row an image, in the order of the rows', async () => {
    const alone = await eachAlone();
    const order = range(40).map((i) => (i * 7 + 3) % 40);
    const scores = await fixture.predictor.predict(images(order));
    expect(scores.count).toBe(40);
    expect(scores.data).toHaveLength(40 * fixture.predictor.classes);
    expect(scores.answeredBy).toHaveLength(40);
    for (const [row, i] of order.entries()) expectSameRow(scores, row, alone[i] as Scores);
    expect(new Set(alone.map((one) => rowOf(one, 0).join())).size).toBe(40);
  });

  it('names a node of its tree that answers by itself for each row', async () => {
    const scores = await fixture.predictor.predict(images(range(40)));
    expect(new Set(scores.answeredBy)).toEqual(new Set(answerers(fixture.predictor)));
  });

  it('does not mix up batches that it is asked for at once', async () => {
    const alone = await eachAlone();
    const batches = range(12).map((b) => range(1 + (b % 5)).map((i) => (b * 5 + i) % 40));
    const answers = await Promise.all(batches.map((indices) => fixture.predictor.predict(images(indices))));
    for (const [b, indices] of batches.entries()) {
      for (const [row, i] of indices.entries()) expectSameRow(answers[b] as Scores, row, alone[i] as Scores);
    }
  });

  it('keeps what one row lacks from the others', async () => {
    const alone = await eachAlone();
    const rows = range(5).map((i) => fixture.image(i));
    rows[2] = new Float32Array(rows[2]?.length ?? 0).fill(Number.NaN);
    const scores = await fixture.predictor.predict(batchOf(rows));
    for (const row of [0, 1, 3, 4]) expectSameRow(scores, row, alone[row] as Scores);
  });

  it('leaves the batch as it was', async () => {
    const batch = images(range(10));
    const before = batch.data.slice();
    await fixture.predictor.predict(batch);
    expect(batch.data).toEqual(before);
  });

  it('counts the rows that it was asked for', async () => {
    const before = fixture.predictor.rows;
    await Promise.all([fixture.predictor.predict(images([0])), fixture.predictor.predict(images(range(7)))]);
    expect(fixture.predictor.rows - before).toBe(8);
  });

  it("refuses a request whose client has gone, with 'cancelled'", async () => {
    const predicted = fixture.predictor.predict(images([0]), { signal: AbortSignal.abort() });
    await expect(predicted).rejects.toMatchObject({ code: 'cancelled' });
  });
}
