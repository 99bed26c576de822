/**
 * Random small graphs, quantised with random layers left out: ONNX Runtime computes the same with its operators fused into
 * int8 kernels as with each by itself in float, and about what the float model does; and so does the model to train.
 */
import { expect, it } from 'vitest';
import { Random } from '../src/base/index.ts';
import type { Model } from '../src/graph/index.ts';
import { GraphBuilder } from '../src/ops/index.ts';
import {
  fakeQuantizedModel,
  layerName,
  planQuantization,
  prepareForQuantization,
  quantizeModel,
  rangeValues,
} from '../src/transforms/index.ts';
import { observedRanges } from './observed-ranges.ts';
import { decibels, firstOutput } from './optimized.ts';
import { randomFeeds } from './run-onnx.ts';

const CASES = 60;

/** Feature maps of 8 channels and one size, so that any two can be joined. */
function randomGraph(seed: number): Model {
  const r = new Random(seed);
  const b = new GraphBuilder({ seed });
  const input = b.input('input', 'float32', ['batch', 3, 8, 8]);
  const maps = [b.conv(input, { out: 8, kernel: 3, padding: 1 })];
  const any = (): string => r.pick(maps);
  const steps: readonly (() => string)[] = [
    () => b.relu(any()),
    () => b.relu6(any()),
    () => b.clip(any(), -0.5, 1),
    () => b.clip(any(), 0.1, 2),
    () => b.conv(any(), { out: 8, kernel: 3, padding: 1, groups: r.pick([1, 1, 2, 8]), bias: r.pick([true, false]) }),
    () => b.batchNorm(b.conv(any(), { out: 8, kernel: 1, bias: false })),
    () => b.batchNorm(any()),
    () => b.add(any(), any()),
    () => b.mul(any(), b.sigmoid(b.conv(b.globalAveragePool(any()), { out: 8, kernel: 1 }))),
    () => b.conv(b.concat([any(), any()]), { out: 8, kernel: 1 }),
    () => b.maxPool(any(), { kernel: 3, padding: 1 }),
    () => b.averagePool(any(), { kernel: 3, padding: 1 }),
    () => b.channelShuffle(any(), 2),
    () => b.concat(b.split(any(), [3, 5]).toReversed()),
    () => b.pad(b.slice(any(), [{ axis: 1, start: 2 }]), [0, 1, 0, 0, 0, 1, 0, 0]),
    () => b.op('HardSwish', [any()]),
    () => b.transpose(b.relu(b.transpose(any(), [0, 1, 3, 2])), [0, 1, 3, 2]),
  ];
  for (let i = 0; i < 9; i++) maps.push(r.pick(steps)());
  const last = b.add(maps.at(-1) as string, maps.at(-2) as string);
  const pooled = r.pick([() => b.flatten(b.globalAveragePool(last)), () => b.flatten(last)])();
  const scores = b.linear(pooled, { out: 5 });
  b.output('logits', r.pick([() => scores, () => b.linear(b.relu(scores), { out: 4 })])());
  if (r.integer(4) === 0) b.output('map', maps[r.integer(maps.length)] as string);
  return b.build();
}

it.each(Array.from({ length: CASES }, (_, i) => i))('graph %i', async (seed) => {
  const r = new Random(1000 + seed);
  const model = randomGraph(seed);
  const feeds = randomFeeds(model, seed, 3);
  const prepared = prepareForQuantization(model);
  const plan = planQuantization(prepared);
  const ranges = await observedRanges(prepared, rangeValues(plan), feeds);
  const names = plan.candidates.map(layerName);
  const exclude = seed % 2 === 0 ? [] : names.filter(() => r.integer(3) === 0);
  const quantized = quantizeModel(model, ranges, { exclude });
  const [fused, simulated] = [await firstOutput(quantized, feeds), await firstOutput(quantized, feeds, 'disabled')];
  expect(decibels(fused, simulated), 'fused against each by itself').toBeGreaterThan(35);
  expect(decibels(fused, await firstOutput(model, feeds)), 'against float').toBeGreaterThan(15);
  const fake = await firstOutput(fakeQuantizedModel(model, ranges, { exclude }), feeds, 'disabled');
  expect(decibels(fake, simulated), 'the model to train').toBeGreaterThan(30);
});
