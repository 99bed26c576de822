import { expect, it } from 'vitest';
import { StatisticsCounter } from './statistics.ts';

// Triton, extension_statistics.md: "count" of a duration is how many requests it is the sum of.
it('StatisticsCounter counts a request once, however many models of the plan and batches it went through', () => {
  const statistics = new StatisticsCounter();
  statistics.executed(8, 4);
  statistics.executed(2, 6);
  // A cascade: both requests ask the small model, one of them the big one.
  for (const [computeMs, waitedMs] of [
    [4, 1],
    [4, 2],
    [6, 3],
  ] as const) {
    statistics.queued(waitedMs);
    statistics.computed(computeMs);
  }
  statistics.succeeded(1, 6);
  statistics.succeeded(1, 13);

  const { inference_count, execution_count, inference_stats } = statistics.snapshot('m', '1');

  expect({ inference_count, execution_count }).toEqual({ inference_count: 2, execution_count: 2 });
  expect(inference_stats.success).toEqual({ count: 2, ns: 19e6 });
  expect(inference_stats.queue).toEqual({ count: 2, ns: 6e6 });
  expect(inference_stats.compute_infer).toEqual({ count: 2, ns: 14e6 });
});
