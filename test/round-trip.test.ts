/** Load → save → run gives bit-identical outputs, also with what Skein knows nothing of. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Tensor as OrtTensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { type Graph, type Model, makeNode, type Node, subgraph, Tensor } from '../src/graph/index.ts';
import { parseModel, serializeModel } from '../src/onnx/index.ts';
import { GraphBuilder } from '../src/ops/index.ts';
import { type Feeds, randomFeeds, runOnnx } from './run-onnx.ts';
import { sharedDir } from './shared.ts';

async function expectSameRun(bytes: Uint8Array, feeds: Feeds): Promise<void> {
  const again = serializeModel(parseModel(bytes));
  expect(await runOnnx(again, feeds)).toEqual(await runOnnx(bytes, feeds));
  // What was parsed once is stable from then on.
  expect(serializeModel(parseModel(again))).toEqual(again);
}

const type = (dims: readonly (number | string)[], dtype: 'float32' | 'int64' | 'bool' = 'float32') => ({ dtype, dims });

function graph(
  name: string,
  inputs: Graph['inputs'],
  nodes: readonly Node[],
  outputs: Graph['outputs'],
  initializers = {},
): Graph {
  return {
    name,
    inputs,
    outputs,
    initializers: new Map(Object.entries(initializers)),
    sparseInitializers: new Map(),
    nodes,
    valueInfos: new Map(),
  };
}

function model(graph: Graph, extra: Partial<Model> = {}): Model {
  return {
    irVersion: 10,
    opsets: new Map([['', 21]]),
    producerName: 'test',
    producerVersion: '',
    graph,
    functions: [],
    trainingInfos: [],
    metadata: new Map(),
    ...extra,
  };
}

const x = { name: 'x', type: type([3, 4]) };
const feeds = {
  x: new OrtTensor(
    'float32',
    Float32Array.from({ length: 12 }, (_, i) => Math.sin(i)),
    [3, 4],
  ),
};
const run = (model: Model) => expectSameRun(serializeModel(model), feeds);

describe('load, save, run', () => {
  it('a network from the builder', async () => {
    const b = new GraphBuilder({ seed: 2 });
    let h = b.input('input', 'float32', ['batch', 3, 16, 16]);
    h = b.relu(b.batchNorm(b.conv(h, { out: 8, kernel: 3, padding: 1, bias: false })));
    h = b.concat([b.maxPool(h, { kernel: 2, stride: 2 }), b.averagePool(h, { kernel: 2, stride: 2 })]);
    h = b.channelShuffle(b.relu6(b.add(h, b.conv(h, { out: 16, kernel: 3, padding: 1, groups: 16 }))), 4);
    b.output('logits', b.softmax(b.linear(b.flatten(b.globalAveragePool(h)), { out: 5 })));
    const built = b.build();
    await expectSameRun(serializeModel(built), randomFeeds(built, 1));
  });

  it('If with branches that see the values around them', async () => {
    const then = graph(
      'then',
      [],
      [makeNode({ opType: 'Add', inputs: ['x', 'x'], outputs: ['t'] })],
      [{ name: 't', type: type([3, 4]) }],
    );
    const otherwise = graph(
      'else',
      [],
      [makeNode({ opType: 'Mul', inputs: ['x', 'w'], outputs: ['e'] })],
      [{ name: 'e', type: type([3, 4]) }],
      { w: Tensor.scalar('float32', 3) },
    );
    const nodes = [
      makeNode({ opType: 'ReduceSum', inputs: ['x'], outputs: ['sum'], attributes: { keepdims: 0 } }),
      makeNode({ opType: 'Greater', inputs: ['sum', 'zero'], outputs: ['positive'] }),
      makeNode({
        opType: 'If',
        inputs: ['positive'],
        outputs: ['y'],
        attributes: { then_branch: subgraph(then), else_branch: subgraph(otherwise) },
      }),
    ];
    await run(
      model(graph('g', [x], nodes, [{ name: 'y', type: type([3, 4]) }], { zero: Tensor.scalar('float32', 0) })),
    );
  });

  it('Loop and Scan', async () => {
    const body = graph(
      'body',
      [
        { name: 'i', type: type([], 'int64') },
        { name: 'go', type: type([], 'bool') },
        { name: 'sofar', type: type([3, 4]) },
      ],
      [
        makeNode({ opType: 'Identity', inputs: ['go'], outputs: ['on'] }),
        makeNode({ opType: 'Add', inputs: ['sofar', 'x'], outputs: ['next'] }),
      ],
      [
        { name: 'on', type: type([], 'bool') },
        { name: 'next', type: type([3, 4]) },
      ],
    );
    const step = graph(
      'step',
      [
        { name: 'state', type: type([4]) },
        { name: 'row', type: type([4]) },
      ],
      [
        makeNode({ opType: 'Add', inputs: ['state', 'row'], outputs: ['state2'] }),
        makeNode({ opType: 'Relu', inputs: ['state2'], outputs: ['shown'] }),
      ],
      [
        { name: 'state2', type: type([4]) },
        { name: 'shown', type: type([4]) },
      ],
    );
    const nodes = [
      makeNode({
        opType: 'Loop',
        inputs: ['count', '', 'x'],
        outputs: ['looped'],
        attributes: { body: subgraph(body) },
      }),
      makeNode({
        opType: 'Scan',
        inputs: ['start', 'looped'],
        outputs: ['end', 'rows'],
        attributes: { body: subgraph(step), num_scan_inputs: 1 },
      }),
    ];
    const outputs = [
      { name: 'end', type: type([4]) },
      { name: 'rows', type: type([3, 4]) },
    ];
    const initializers = { count: Tensor.scalar('int64', 3), start: Tensor.of('float32', [4], [1, 2, 3, 4]) };
    await run(model(graph('g', [x], nodes, outputs, initializers)));
  });

  it('a function of the model, and operators of other domains', async () => {
    const twice = {
      domain: 'own',
      name: 'Twice',
      opsets: new Map([['', 21]]),
      inputs: ['a'],
      outputs: ['b'],
      attributes: new Map(),
      nodes: [makeNode({ opType: 'Add', inputs: ['a', 'a'], outputs: ['b'] })],
      valueInfos: new Map(),
    };
    const nodes = [
      makeNode({ opType: 'Twice', domain: 'own', inputs: ['x'], outputs: ['t'] }),
      makeNode({
        opType: 'FusedMatMul',
        domain: 'com.microsoft',
        inputs: ['t', 'x'],
        outputs: ['m'],
        attributes: { transB: 1, alpha: 0.5 },
      }),
      makeNode({ opType: 'FastGelu', domain: 'com.microsoft', inputs: ['m'], outputs: ['y'] }),
    ];
    const opsets = new Map([
      ['', 21],
      ['own', 1],
      ['com.microsoft', 1],
    ]);
    await run(model(graph('g', [x], nodes, [{ name: 'y', type: type([3, 3]) }]), { opsets, functions: [twice] }));
  });

  it('sparse initializers', async () => {
    const sparse = { values: Tensor.of('float32', [2], [1.5, -2]), indices: Tensor.int64s([2, 7]), dims: [3, 4] };
    const add = makeNode({ opType: 'Add', inputs: ['x', 'sparse'], outputs: ['y'] });
    const dense = graph('g', [x], [add], [{ name: 'y', type: type([3, 4]) }]);
    await run(model({ ...dense, sparseInitializers: new Map([['sparse', sparse]]) }));
  });

  it.each(['float16', 'bfloat16', 'int4', 'uint4', 'int8', 'uint64', 'bool', 'float64'] as const)(
    '%s tensors',
    async (dtype) => {
      const nodes = [
        makeNode({ opType: 'Cast', inputs: ['w'], outputs: ['c'], attributes: { to: 1 } }),
        makeNode({ opType: 'Add', inputs: ['x', 'c'], outputs: ['y'] }),
      ];
      const w = Tensor.of(dtype, [3, 1], [1, 0, 1]);
      await run(model(graph('g', [x], nodes, [{ name: 'y', type: type([3, 4]) }], { w })));
    },
  );

  it('8-bit float and string tensors', async () => {
    const nodes = [
      makeNode({ opType: 'Cast', inputs: ['w'], outputs: ['c'], attributes: { to: 1 } }),
      makeNode({ opType: 'Add', inputs: ['x', 'c'], outputs: ['y'] }),
      makeNode({ opType: 'Identity', inputs: ['names'], outputs: ['labels'] }),
    ];
    const initializers = {
      w: new Tensor('float8e4m3fn', [4], new Uint8Array([0x38, 0x40, 0xb8, 0x01])),
      names: Tensor.strings([2], ['Gänse', '']),
    };
    const outputs = [
      { name: 'y', type: type([3, 4]) },
      { name: 'labels', type: { dtype: 'string' as const, dims: [2] } },
    ];
    await run(model(graph('g', [x], nodes, outputs, initializers)));
  });

  it('initializers that are graph inputs too, as before IR version 4', async () => {
    const w = { name: 'w', type: type([1]) };
    const add = makeNode({ opType: 'Add', inputs: ['x', 'w'], outputs: ['y'] });
    const g = graph('g', [x, w], [add], [{ name: 'y', type: type([3, 4]) }], { w: Tensor.of('float32', [1], [2]) });
    await run(model(g, { irVersion: 3, opsets: new Map([['', 13]]) }));
  });
});

describe.skipIf(!sharedDir)('load and save (needs ../shared)', () => {
  const folder = join(sharedDir ?? '', 'models');
  const files = sharedDir === undefined ? [] : readdirSync(folder).filter((file) => file.endsWith('.onnx'));
  it.each(files)('%s comes out byte for byte', (file) => {
    const bytes = readFileSync(join(folder, file));
    expect(Buffer.compare(serializeModel(parseModel(bytes)), bytes)).toBe(0);
  });
});
