/**
 * Random small graphs, quantised with random layers left out: ONNX Runtime computes the same with its operators fused into
 * int8 kernels as with each by itself in float, and about what the float model does; and so does the model to train.
 */
import { expect, it } from 'vitest';
import { Random } from '../src/base/index.ts';
import type { AttributeLike, Model } from '../src/graph/index.ts';
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

/** Two poolings between convolutions, with whatever attributes they can have. */
function randomPooling(seed: number): Model {
  const r = new Random(seed);
  // Dilations of AveragePool came with 19.
  const b = new GraphBuilder({ seed, opset: r.pick([17, 19]) });
  let x = b.input('input', 'float32', ['batch', 3, 13, 14]);
  for (let i = 0; i < 2; i++) {
    x = b.conv(x, { out: 8, kernel: 3, padding: 1 });
    const opType = r.pick(['AveragePool', 'AveragePool', 'MaxPool']);
    x = b.op(opType, [x], poolingAttributes(r, opType, opType === 'MaxPool' || b.opset >= 19));
    if (r.integer(2) === 0) x = b.relu(x);
  }
  b.output('logits', b.linear(b.flatten(b.globalAveragePool(b.conv(x, { out: 8, kernel: 1 }))), { out: 5 }));
  return b.build();
}

function poolingAttributes(r: Random, opType: string, dilates: boolean): Readonly<Record<string, AttributeLike>> {
  const kernel = [1 + r.integer(3), 1 + r.integer(3)];
  // ONNX Runtime pads nothing to SAME whose stride is beyond its window.
  const strides = kernel.map((size) => 1 + r.integer(Math.min(size, 2)));
  const pads = [...kernel, ...kernel].map((size) => r.integer(size));
  const padding = r.pick([{}, { pads }, { pads }, { auto_pad: r.pick(['SAME_UPPER', 'SAME_LOWER', 'VALID']) }]);
  return {
    kernel_shape: kernel,
    ...padding,
    ...r.pick([{}, { strides }, { strides }]),
    ...r.pick([{}, { ceil_mode: 1 }]),
    ...(opType === 'AveragePool' ? { count_include_pad: r.integer(2) } : {}),
    ...r.pick(dilates ? [{}, {}, { dilations: [1, 1] }, { dilations: [1 + r.integer(2), 2] }] : [{}]),
  };
}

const seeds = Array.from({ length: CASES }, (_, i) => i);

it.each(seeds)('graph %i', (seed) => check(seed, randomGraph(seed)));
it.each(seeds)('pooling %i', (seed) => check(seed, randomPooling(seed)));

async function check(seed: number, model: Model): Promise<void> {
  const r = new Random(1000 + seed);
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
}
