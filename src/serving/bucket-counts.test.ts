import { Histogram, Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { Random } from '../base/index.ts';
import { BucketCounts } from './bucket-counts.ts';

it('BucketCounts counts what the histogram of prom-client counts', async () => {
  const bounds = [0.001, 0.01, 0.1, 1];
  const ours = new BucketCounts(bounds);
  const peer = new Histogram({ name: 'peer', help: 'peer', buckets: bounds, registers: [new Registry()] });
  const random = new Random(7);
  const values = [...bounds, 0, 5, ...Array.from({ length: 500 }, () => 10 ** random.uniform(-4, 1))];
  for (const value of values) {
    ours.observe(value);
    peer.observe(value);
  }

  const { values: samples } = await peer.get();

  const buckets = samples.filter(({ metricName }) => metricName === 'peer_bucket').map(({ value }) => value);
  expect(ours.cumulative).toEqual(buckets);
  expect(ours.sum).toBeCloseTo(samples.find(({ metricName }) => metricName === 'peer_sum')?.value ?? Number.NaN, 9);
});
