/** What folding leaves must compute what was there: bit for bit, and with batch normalisation folded nearly so. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Random } from '../src/base/index.ts';
import { type Model, Tensor } from '../src/graph/index.ts';
import { readModel } from '../src/onnx/index.ts';
import { costOf, GraphBuilder } from '../src/ops/index.ts';
import { fold, foldBatchNorm, runPasses } from '../src/transforms/index.ts';
import { randomFeeds, runModel } from './run-onnx.ts';
import { sharedDir } from './shared.ts';

/** A network with everything that the passes change, its running statistics drawn at random. */
function network(): Model {
  const b = new GraphBuilder({ seed: 4 });
  let x = b.input('input', 'float32', ['batch', 3, 16, 16]);
  x = b.dropout(b.relu(b.batchNorm(b.conv(x, { out: 8, kernel: 3, padding: 1, bias: false }))));
  x = b.relu(b.batchNorm(b.conv(x, { out: 8, kernel: 3, stride: 2, padding: 1, groups: 4 })));
  x = b.op('Identity', [b.batchNorm(b.convTranspose(x, { out: 6, kernel: 2, stride: 2 }))]);
  const size = b.op('Gather', [b.op('Shape', [x]), b.op('Constant', [], { value: Tensor.int64s([1]) })], { axis: 0 });
  const rest = b.op('Constant', [], { value: Tensor.int64s([-1]) });
  const batch = b.op('Slice', [b.op('Shape', [x]), b.constant(Tensor.int64s([0])), b.constant(Tensor.int64s([1]))]);
  x = b.op('Reshape', [x, b.op('Concat', [batch, size, rest], { axis: 0 })]);
  b.output('logits', b.op('ReduceMean', [x], { axes: [2], keepdims: 0 }));
  const model = b.build();
  const random = new Random(9);
  const initializers = new Map(model.graph.initializers);
  for (const [name, { dims, size }] of initializers) {
    if (!name.startsWith('bn')) continue;
    initializers.set(
      name,
      Tensor.of(
        'float32',
        dims,
        Array.from({ length: size }, () => random.uniform(0.5, 2)),
      ),
    );
  }
  return { ...model, graph: { ...model.graph, initializers } };
}

async function expectSame(model: Model): Promise<void> {
  const feeds = randomFeeds(model, 3);
  const before = await runModel(model, feeds);
  const folded = runPasses(model, [fold]).model;
  expect(await runModel(folded, feeds)).toEqual(before);
  const merged = runPasses(folded, [foldBatchNorm]).model;
  expect(merged.graph.nodes.some(({ opType }) => opType === 'BatchNormalization')).toBe(false);
  const after = await runModel(merged, feeds);
  for (const [name, { data }] of Object.entries(before)) {
    const [expected, actual] = [data, after[name]?.data] as [Float32Array, Float32Array];
    const scale = Math.max(...expected.map(Math.abs));
    expect(Math.max(...expected.map((value, i) => Math.abs(value - (actual[i] ?? NaN))))).toBeLessThan(1e-5 * scale);
  }
}

it('a network from the builder computes the same when folded', async () => {
  await expectSame(network());
});

describe.skipIf(!sharedDir)('the trained models (needs ../shared)', () => {
  const folder = join(sharedDir ?? '', 'models');
  const files = sharedDir === undefined ? [] : readdirSync(folder).filter((file) => file.endsWith('.onnx'));

  it.each(files)('%s computes the same when folded', async (file) => {
    await expectSame(await readModel(join(folder, file)));
  });

  it('resnet20.onnx keeps its layers and loses its shape arithmetic', async () => {
    const model = await readModel(join(folder, 'resnet20.onnx'));
    const folded = runPasses(model, [fold]).model;
    const kinds = new Set(folded.graph.nodes.map(({ opType }) => opType));
    const layers = [
      'Conv',
      'BatchNormalization',
      'Relu',
      'Add',
      'Slice',
      'Pad',
      'GlobalAveragePool',
      'Flatten',
      'Gemm',
    ];
    expect([...kinds].sort()).toEqual(layers.sort());
    expect(costOf(folded)).toMatchObject({ params: 269722, macs: costOf(model).macs });
  });
});
