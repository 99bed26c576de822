import { describe, expect, it } from 'vitest';
import { SkeinError } from '../../base/index.ts';
import type { Model } from '../../graph/index.ts';
import { costOf, GraphBuilder } from '../../ops/index.ts';
import { type Factorization, type WeightLayer, weightLayersOf } from '../../transforms/index.ts';
import { LayerCosts } from './layer-costs.ts';

const [INPUTS, OUTPUTS] = [1536, 1024];
const MACS = INPUTS * OUTPUTS;
const ranks = Array.from({ length: 15 }, (_, i) => 16 + 38 * i);
const candidates = ranks.map((rank): Factorization => ({ kind: 'svd', ranks: [rank] }));

function wide(): readonly [Model, WeightLayer] {
  const b = new GraphBuilder();
  b.output('y', b.linear(b.input('x', 'float32', [1, INPUTS]), { out: OUTPUTS }));
  const model = b.build();
  return [model, weightLayersOf(model)[0] as WeightLayer];
}

const bytesOf = ({ graph }: Model): number =>
  [...graph.initializers.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);

describe('LayerCosts', () => {
  it('holds no more parts at once than twice the layer, and compares them all the same', async () => {
    const held: number[] = [];
    // A machine that gets slower from call to call: a microsecond a MAC, then two, …
    const latenciesMs = async (models: readonly Model[]) => {
      held.push(models.reduce((sum, each) => sum + bytesOf(each), 0));
      return models.map((each) => (held.length * costOf(each).macs) / 1e3);
    };
    const [model, layer] = wide();
    const [whole, ...parts] = await new LayerCosts({ latenciesMs }).of(model, layer, [1, INPUTS], candidates);
    expect(Math.max(...held)).toBeLessThan(2.1 * bytesOf(model));
    expect(whole).toEqual({ macs: MACS, ms: MACS / 1e3 });
    for (const [i, part] of parts.entries()) {
      expect(part.macs).toBe((ranks[i] as number) * (INPUTS + OUTPUTS));
      expect(part.ms).toBeCloseTo(part.macs / 1e3, 6);
    }
    // All of them make up 4.3 layers.
    expect(held.length).toBeLessThanOrEqual(9);
  });

  it('times each once, small parts together', async () => {
    const asked: number[] = [];
    const latenciesMs = async (models: readonly Model[]) => {
      asked.push(models.length);
      return models.map(() => 1);
    };
    const [model, layer] = wide();
    const costs = new LayerCosts({ latenciesMs });
    await costs.of(model, layer, [1, INPUTS], candidates.slice(0, 4));
    await costs.of(model, layer, [1, INPUTS], candidates.slice(0, 4));
    await costs.of(model, layer, [1, INPUTS], candidates.slice(2, 5));
    await costs.of(model, layer, [1, INPUTS], []);
    expect(asked).toEqual([5, 2]);
  });

  it('stops between groups on the signal', async () => {
    const stop = new AbortController();
    let calls = 0;
    const latenciesMs = async (models: readonly Model[]) => {
      calls++;
      stop.abort();
      return models.map(() => 1);
    };
    const [model, layer] = wide();
    const costs = new LayerCosts({ latenciesMs });
    await expect(costs.of(model, layer, [1, INPUTS], candidates, stop.signal)).rejects.toThrow(SkeinError);
    expect(calls).toBe(1);
  });
});
