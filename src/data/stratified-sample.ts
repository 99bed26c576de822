/** A fair, repeatable part of a labelled set. */
import { Random } from '../base/index.ts';

/**
 * `count` of the examples in shuffled order, each class with its share of the whole: the whole part of `count` × share
 * first, the rest to the largest remainders. The same labels, count and seed give the same sample on every machine.
 *
 * @param count at most the number of labels
 */
export function stratifiedSample(labels: Int32Array, count: number, seed: number): Uint32Array {
  const sizes = new Map<number, number>();
  for (const label of labels) sizes.set(label, (sizes.get(label) ?? 0) + 1);
  const shares = [...sizes].map(([label, size]) => {
    const exact = (count * size) / labels.length;
    return { label, quota: Math.floor(exact), remainder: exact - Math.floor(exact) };
  });
  shares.sort((a, b) => b.remainder - a.remainder || a.label - b.label);
  let left = count - shares.reduce((sum, { quota }) => sum + quota, 0);
  for (const share of shares) if (left-- > 0) share.quota++;
  const quotas = new Map(shares.map(({ label, quota }) => [label, quota]));

  const order = new Random(seed).shuffle(Uint32Array.from(labels, (_, i) => i));
  return order.filter((index) => {
    const label = labels[index] as number;
    const quota = quotas.get(label) ?? 0;
    quotas.set(label, quota - 1);
    return quota > 0;
  });
}
