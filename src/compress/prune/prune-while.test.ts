import { describe, expect, it } from 'vitest';
import type { Model } from '../../graph/index.ts';
import { GraphBuilder } from '../../ops/index.ts';
import { channelGroups } from '../../transforms/index.ts';
import { pruneWhile } from './prune-to-target.ts';
import { pruningOrder } from './pruning-order.ts';

/** One layer of sixteen channels, which may go one by one down to one. */
function sixteen(): Model {
  const b = new GraphBuilder({ seed: 3 });
  const x = b.input('input', 'float32', ['batch', 3, 8, 8]);
  const y = b.relu(b.conv(x, { out: 16, kernel: 3, name: 'a' }));
  b.output('logits', b.linear(b.flatten(b.globalAveragePool(y)), { out: 10 }));
  return b.build();
}

const widthOf = ({ graph }: Model): number => graph.initializers.get('a.weight')?.dims[0] ?? 0;

describe('pruneWhile()', () => {
  const model = sixteen();
  const groups = channelGroups(model);
  const importance = Float64Array.from({ length: groups.unitCount }, (_, unit) => unit);
  const order = pruningOrder(model, groups, importance, { multiple: () => 1, least: () => 1 });

  it.each([1, 5, 15, 16])('goes as far as it holds: at least %d channels', async (least) => {
    const made = await pruneWhile(model, groups, order, async (each) => widthOf(each) >= least);
    expect(widthOf(made)).toBe(least);
  });

  it('gives the model back where not one step holds', async () => {
    expect(await pruneWhile(model, groups, order, async () => false)).toBe(model);
  });
});
