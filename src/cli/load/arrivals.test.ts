import { describe, expect, it } from 'vitest';
import { mean, Random } from '../../base/index.ts';
import { monotonicMs, nextIntervalMs, startArrivals } from './arrivals.ts';

describe('nextIntervalMs', () => {
  it('is exponentially distributed with mean and standard deviation 1000 / rate', () => {
    const random = new Random(1);
    const intervals = Array.from({ length: 20_000 }, () => nextIntervalMs(random, 250));
    // The standard error of the mean is 4 / sqrt(20,000) = 0.028 ms.
    expect(Math.abs(mean(intervals) - 4)).toBeLessThan(0.1);
    expect(Math.abs(Math.sqrt(mean(intervals.map((ms) => (ms - 4) ** 2))) - 4)).toBeLessThan(0.2);
    // P(X > mean) = 1/e.
    expect(intervals.filter((ms) => ms > 4).length / intervals.length).toBeCloseTo(Math.exp(-1), 1);
  });
});

describe('startArrivals', () => {
  it('tells the arrivals of its seed, none before it is due', async () => {
    const due: number[] = [];
    let finish: () => void = () => {};
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const { startMs, stop } = await startArrivals({ ratePerSecond: 1000, seed: 7 }, (times) => {
      for (const time of times) expect(time).toBeLessThanOrEqual(monotonicMs());
      due.push(...times);
      if (due.length >= 20) finish();
    });
    await finished;
    stop();
    const random = new Random(7);
    let expected = startMs;
    for (const time of due) {
      expected += nextIntervalMs(random, 1000);
      expect(time).toBe(expected);
    }
  });

  it('refuses a rate of nothing', async () => {
    await expect(startArrivals({ ratePerSecond: 0, seed: 0 }, () => {})).rejects.toThrow(
      /Rate: expected .* received 0/,
    );
  });
});
