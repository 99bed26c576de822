import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Tensor } from '../graph/index.ts';
import { writeModel } from '../onnx/index.ts';
import { costOf, GraphBuilder } from '../ops/index.ts';
import { Engine } from '../runtime/index.ts';
import { attribute, profileModel } from './profile-model.ts';

/** Conv, BatchNormalization, Relu, pool, flatten, Gemm. */
function network() {
  const b = new GraphBuilder({ seed: 3 });
  let x = b.input('x', 'float32', ['batch', 3, 8, 8]);
  x = b.relu(b.batchNorm(b.conv(x, { out: 4, kernel: 3, padding: 1, bias: false })));
  b.output('y', b.linear(b.flatten(b.globalAveragePool(x)), { out: 5 }));
  return b.build();
}

describe('profileModel()', () => {
  let folder: string;
  let engine: Engine;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'skein-profile-test-'));
    engine = new Engine({ workers: 1 });
  });
  afterAll(async () => {
    await engine.close();
    await rm(folder, { recursive: true });
  });

  it('has a row a node, with shapes for the batch and costs for one image', async () => {
    const file = join(folder, 'network.onnx');
    await writeModel(network(), file);
    const { layers, total, batch } = await profileModel(engine, file, { batch: 2, runs: 3, shape: [3, 8, 8] });
    expect(batch).toBe(2);
    expect(layers.map(({ opType }) => opType)).toEqual([
      'Conv',
      'BatchNormalization',
      'Relu',
      'GlobalAveragePool',
      'Flatten',
      'Gemm',
    ]);
    const [conv, norm, , , , gemm] = layers;
    // 8·8 places, 4 outputs, 3·9 products each; 4·27 weights.
    expect(conv).toMatchObject({ shape: [2, 4, 8, 8], macs: 6912, params: 108 });
    expect(conv?.ms).toBeGreaterThan(0);
    // ONNX Runtime folds the normalisation into the convolution before it.
    expect(norm).toMatchObject({ params: 8, ms: null, within: conv?.name });
    expect(gemm).toMatchObject({ shape: [2, 5], macs: 20, params: 25 });
    expect(total).toMatchObject({ params: 108 + 8 + 25, macs: 6932 });
    expect(total.ms).toBeCloseTo(
      layers.reduce((sum, { ms }) => sum + (ms ?? 0), 0),
      9,
    );
  });

  it('times the layers of a quantised model as they are executed', async () => {
    const b = new GraphBuilder();
    const scalar = (dtype: 'float32' | 'uint8', value: number) => b.constant(Tensor.scalar(dtype, value));
    const settings = [scalar('float32', 0.1), scalar('uint8', 128)];
    const rounded = (x: string) => b.op('DequantizeLinear', [b.op('QuantizeLinear', [x, ...settings]), ...settings]);
    const bytes = Tensor.of('int8', [4, 3, 3, 3], new Uint8Array(108).fill(1));
    const weight = b.op('DequantizeLinear', [b.constant(bytes), scalar('float32', 0.1)]);
    const x = b.input('x', 'float32', ['batch', 3, 8, 8]);
    b.output('y', rounded(b.op('Conv', [rounded(x), weight], { pads: [1, 1, 1, 1] })));
    const file = join(folder, 'quantised.onnx');
    await writeModel(b.build(), file);
    const { layers, total } = await profileModel(engine, file, { batch: 1, runs: 3 });
    const conv = layers.find(({ opType }) => opType === 'Conv');
    expect(conv).toMatchObject({ macs: 6912, params: 108, ms: expect.any(Number) });
    const after = layers.find(({ opType, name }) => opType === 'QuantizeLinear' && name.endsWith('_1'));
    expect(after).toMatchObject({ ms: null, within: conv?.name });
    expect(total.params).toBe(108);
  });
});

describe('attribute()', () => {
  it('gives a fused node to the layer that it is named after, and keeps what belongs to none', () => {
    const model = network();
    const convName = model.graph.nodes[0]?.name ?? '';
    const timings = [
      { name: `${convName}/Fusion`, opType: 'FusedConv', ms: 2 },
      { name: 'reorder', opType: 'ReorderOutput', ms: 1 },
    ];
    const rows = attribute(model, costOf(model).nodes, timings, 1);
    expect(rows[0]?.ms).toBe(2);
    expect(rows[2]).toMatchObject({ opType: 'Relu', ms: null, within: convName });
    expect(rows.at(-1)).toEqual({ name: 'reorder', opType: 'ReorderOutput', shape: [], params: 0, macs: 0, ms: 1 });
  });

  it('walks a chain of nodes that are not executed once, not once for each of them', () => {
    const b = new GraphBuilder();
    let x = b.relu(b.input('x', 'float32', ['n', 1, 1, 1]));
    const length = 500;
    for (let i = 0; i < length; i++) x = b.op('Identity', [x]);
    b.output('y', x);
    const model = b.build();
    let reads = 0;
    const nodes = model.graph.nodes.map((node) => ({
      ...node,
      get inputs() {
        reads++;
        return node.inputs;
      },
    }));
    const relu = nodes[0]?.name ?? '';
    const rows = attribute(
      { ...model, graph: { ...model.graph, nodes } },
      [],
      [{ name: relu, opType: 'Relu', ms: 1 }],
      1,
    );
    expect(rows.slice(1).every(({ within }) => within === relu)).toBe(true);
    expect(reads).toBeLessThan(10 * length);
  });
});
