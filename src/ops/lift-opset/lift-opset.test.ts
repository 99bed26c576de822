import { describe, expect, it } from 'vitest';
import { oldModel, runLifted } from '../../../test/old-models.ts';
import { feed } from '../../../test/run-onnx.ts';
import { Random } from '../../base/index.ts';
import { float, floats, type Graph, ints, type Model, makeNode, subgraph, Tensor } from '../../graph/index.ts';
import type { NodeInit } from '../../graph/node.ts';
import { liftOpset } from './lift-opset.ts';

type Attributes = NonNullable<NodeInit['attributes']>;

interface Given {
  readonly opType: string;
  /** Of the float32 input 'x'; ['batch', …] is fed with two. */
  readonly x: readonly (number | string)[];
  readonly attributes?: Attributes;
  readonly constants?: Readonly<Record<string, Tensor>>;
  /** One unless told. */
  readonly outputs?: readonly string[];
}

function modelOf(opset: number, { opType, x, attributes = {}, constants = {}, outputs = ['y'] }: Given): Model {
  const node = makeNode({ name: 'n', opType, inputs: ['x', ...Object.keys(constants)], outputs, attributes });
  return oldModel(opset, {
    inputs: [{ name: 'x', type: { dtype: 'float32', dims: x } }],
    nodes: [node],
    outputs: outputs.filter((name) => name !== ''),
    initializers: constants,
  });
}

/** Numbers with ties, signed zeros and infinities among them. */
function feedsOf(x: Given['x'], seed: number) {
  const dims = x.map((dim) => (typeof dim === 'number' ? dim : 2));
  const random = new Random(seed);
  const special = [0, -0, 1, 1, -1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const data = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () =>
    random.integer(8) === 0 ? random.pick(special) : random.normal() * 3,
  );
  return { x: feed('float32', data, dims) };
}

const f32 = (...values: number[]) => Tensor.of('float32', [values.length], values);
const reals = (dims: number[], seed = 1) => {
  const random = new Random(seed);
  return Tensor.of(
    'float32',
    dims,
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => random.uniform()),
  );
};
const statistics = { scale: reals([3], 2), b: reals([3], 3), mean: reals([3], 4), variance: reals([3], 5) };

/** From version, up to version: what changed between 7 and 13. */
const CHANGED: readonly (readonly [first: number, last: number, given: Given])[] = [
  [7, 12, { opType: 'Squeeze', x: [1, 3, 1, 4], attributes: { axes: [0, 2] } }],
  [7, 12, { opType: 'Squeeze', x: [1, 3, 1, 4] }],
  [11, 12, { opType: 'Squeeze', x: [1, 3, 1, 4], attributes: { axes: [-2] } }],
  [7, 12, { opType: 'Unsqueeze', x: [3, 4], attributes: { axes: [0, 3] } }],
  [7, 12, { opType: 'ReduceSum', x: [2, 3, 4], attributes: { axes: [0, 2] } }],
  [7, 12, { opType: 'ReduceSum', x: [2, 3, 4], attributes: { axes: [1], keepdims: 0 } }],
  [7, 12, { opType: 'ReduceSum', x: [2, 3, 4] }],
  [7, 12, { opType: 'ReduceSum', x: [2, 3, 4], attributes: { axes: ints([]) } }],
  ...['ReduceL1', 'ReduceL2', 'ReduceLogSumExp', 'ReduceMax', 'ReduceMean', 'ReduceMin', 'ReduceProd'].map(
    (opType) => [7, 12, { opType, x: [2, 3, 4], attributes: { axes: [0, 2] } }] as const,
  ),
  [7, 12, { opType: 'Split', x: [2, 6], attributes: { axis: 1, split: [1, 3, 2] }, outputs: ['a', 'b', 'c'] }],
  [7, 12, { opType: 'Split', x: [6, 2], outputs: ['a', 'b', 'c'] }],
  ...['Softmax', 'LogSoftmax', 'Hardmax'].flatMap((opType) =>
    [
      { x: ['batch', 5] },
      { x: ['batch', 3, 4, 5] },
      { x: ['batch', 5, 1, 1] },
      { x: [2, 3, 4], attributes: { axis: 0 } },
      { x: [2, 3, 4, 2], attributes: { axis: 2 } },
      { x: [2, 3, 4, 2], attributes: { axis: 3 } },
    ].map((given) => [7, 12, { opType, ...given }] as const),
  ),
  [11, 12, { opType: 'Softmax', x: [2, 3, 4], attributes: { axis: -1 } }],
  [11, 12, { opType: 'Softmax', x: [2, 3, 4], attributes: { axis: -2 } }],
  [7, 12, { opType: 'Dropout', x: [2, 3] }],
  [7, 11, { opType: 'Dropout', x: [2, 3], attributes: { ratio: 0.25 } }],
  [7, 10, { opType: 'Clip', x: [64] }],
  [7, 10, { opType: 'Clip', x: [64], attributes: { min: 0, max: 6 } }],
  [7, 10, { opType: 'Clip', x: [64], attributes: { min: -0.3 } }],
  [7, 10, { opType: 'Clip', x: [64], attributes: { max: 0.7 } }],
  [7, 10, { opType: 'Pad', x: [2, 3], attributes: { pads: [0, 1, 1, 2] } }],
  [7, 10, { opType: 'Pad', x: [2, 3], attributes: { pads: [0, 1, 1, -2], value: 1.5 } }],
  [7, 10, { opType: 'Pad', x: [3, 4], attributes: { pads: [0, 1, 1, 2], mode: 'reflect', value: 1.5 } }],
  [7, 10, { opType: 'Pad', x: [3, 4], attributes: { pads: [2, 0, 0, 1], mode: 'edge' } }],
  [7, 9, { opType: 'Slice', x: [4, 5, 6], attributes: { starts: [1, -3], ends: [100, -1] } }],
  [7, 9, { opType: 'Slice', x: [4, 5, 6], attributes: { starts: [1, 0], ends: [3, 2], axes: [2, 0] } }],
  [7, 9, { opType: 'TopK', x: [3, 8], attributes: { k: 3 }, outputs: ['values', 'indices'] }],
  [7, 9, { opType: 'TopK', x: [8, 3], attributes: { k: 2, axis: 0 }, outputs: ['values', 'indices'] }],
  [7, 8, { opType: 'Upsample', x: [1, 2, 3, 4], attributes: { scales: floats([1, 1, 2, 3]) } }],
  [7, 8, { opType: 'Upsample', x: [1, 2, 3, 4], attributes: { scales: floats([1, 1, 1.7, 2.3]) } }],
  [7, 8, { opType: 'Upsample', x: [1, 2, 3, 4], attributes: { scales: floats([1, 1, 2.5, 1.3]), mode: 'linear' } }],
  [9, 9, { opType: 'Upsample', x: [1, 2, 3, 4], constants: { scales: f32(1, 1, 2, 3.3) } }],
  [9, 9, { opType: 'Upsample', x: [2, 3], constants: { scales: f32(1.5, 2) }, attributes: { mode: 'linear' } }],
  [10, 10, { opType: 'Resize', x: [1, 2, 3, 4], constants: { scales: f32(1, 1, 2.7, 3) } }],
  [10, 10, { opType: 'Resize', x: [1, 2, 9, 11], constants: { scales: f32(1, 1, 0.3, 0.6) } }],
  [
    10,
    10,
    { opType: 'Resize', x: [1, 2, 9, 11], constants: { scales: f32(1, 1, 0.4, 1.8) }, attributes: { mode: 'linear' } },
  ],
  [11, 12, { opType: 'Resize', x: [1, 2, 3, 4], constants: { roi: f32(), scales: f32(1, 1, 2, 2) } }],
  [
    7,
    12,
    { opType: 'BatchNormalization', x: [2, 3, 4, 4], constants: statistics, attributes: { epsilon: float(1e-3) } },
  ],
  [7, 8, { opType: 'BatchNormalization', x: [2, 3, 4, 4], constants: statistics, attributes: { spatial: 1 } }],
  [
    9,
    12,
    {
      opType: 'Scatter',
      x: [3, 3],
      constants: { indices: Tensor.of('int64', [1, 3], [2, 0, 1]), updates: reals([1, 3]) },
      attributes: { axis: 1 },
    },
  ],
  [9, 12, { opType: 'MeanVarianceNormalization', x: [2, 3, 4, 4] }],
  [
    7,
    12,
    {
      opType: 'MaxPool',
      x: [1, 2, 7, 8],
      attributes: { kernel_shape: [3, 2], strides: [2, 2], auto_pad: 'SAME_LOWER' },
    },
  ],
  [
    8,
    12,
    { opType: 'MaxPool', x: [1, 2, 6, 6], attributes: { kernel_shape: [2, 2], storage_order: 1 }, outputs: ['y', 'i'] },
  ],
  [
    7,
    12,
    {
      opType: 'AveragePool',
      x: [1, 2, 7, 8],
      attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [2, 2] },
    },
  ],
  [7, 12, { opType: 'LpPool', x: [1, 2, 7, 8], attributes: { kernel_shape: [3, 2] } }],
  ...['SAME_UPPER', 'SAME_LOWER'].map(
    (auto_pad) =>
      [
        7,
        12,
        {
          opType: 'ConvTranspose',
          x: [1, 2, 4, 4],
          constants: { w: reals([2, 3, 4, 3]) },
          attributes: { auto_pad, strides: [1, 2] },
        },
      ] as const,
  ),
  [7, 12, { opType: 'ThresholdedRelu', x: [2, 9], attributes: { alpha: 0.5 } }],
  [7, 12, { opType: 'LRN', x: [1, 7, 3, 3], attributes: { size: 3 } }],
  [7, 12, { opType: 'InstanceNormalization', x: [2, 3, 4], constants: { scale: reals([3]), b: reals([3], 2) } }],
  [7, 12, { opType: 'ArgMax', x: [3, 40], attributes: { axis: 1 } }],
  [7, 12, { opType: 'DepthToSpace', x: [1, 8, 2, 3], attributes: { blocksize: 2 } }],
  [
    10,
    12,
    {
      opType: 'QuantizeLinear',
      x: [2, 9],
      constants: { s: Tensor.scalar('float32', 0.1), z: Tensor.scalar('uint8', 100) },
    },
  ],
];

describe('liftOpset()', () => {
  it.each(CHANGED)('from %i … %i: %o', async (first, last, given) => {
    for (let opset = first; opset <= last; opset++) {
      for (const to of [13, 16]) {
        const ran = await runLifted(modelOf(opset, given), feedsOf(given.x, opset), to);
        // Deprecated with version 11, which the engine takes at its word.
        if (given.opType === 'Scatter' && opset >= 11) continue;
        expect(ran, `operator set ${opset}`).toBeDefined();
        expect(ran?.after).toEqual(ran?.before);
      }
    }
  });
});

const FLOAT_INPUT = { name: 'x', type: { dtype: 'float32', dims: ['batch', 3, 4, 4] } } as const;

describe('liftOpset() of whole models', () => {
  it('gives a model of that version, or a newer one, back', () => {
    for (const opset of [13, 17]) {
      const model = modelOf(opset, { opType: 'Relu', x: [2] });
      expect(liftOpset(model, 13)).toBe(model);
    }
  });

  it('keeps names and what they stand for, and makes constants of initializers that were inputs', async () => {
    const nodes = [
      makeNode({ opType: 'Upsample', inputs: ['x'], outputs: ['big'], attributes: { scales: floats([1, 1, 2, 2]) } }),
      makeNode({ opType: 'Clip', inputs: ['big'], outputs: ['cut'], attributes: { min: -1, max: 1 } }),
      makeNode({ opType: 'Dropout', inputs: ['cut'], outputs: ['kept', 'mask'] }),
      makeNode({ opType: 'Add', inputs: ['kept', 'bias'], outputs: ['sum'] }),
      makeNode({ opType: 'Softmax', inputs: ['sum'], outputs: ['y'] }),
    ];
    const given = { inputs: [FLOAT_INPUT], nodes, outputs: ['y'], initializers: { bias: reals([3, 1, 1]) } };
    const model = oldModel(8, given);
    const ran = await runLifted(model, feedsOf([2, 3, 4, 4], 1));
    expect(ran?.before.y?.dims).toEqual([2, 3, 8, 8]);
    expect(ran?.after).toEqual(ran?.before);
    const lifted = liftOpset(model, 13);
    expect(lifted.irVersion).toBe(7);
    expect(lifted.graph.inputs).toEqual([FLOAT_INPUT]);
    expect(lifted.graph.outputs).toBe(model.graph.outputs);
    expect(lifted.graph.nodes.map(({ opType }) => opType)).toEqual([
      'Resize',
      'Clip',
      'Dropout',
      'Add',
      'Shape',
      'Flatten',
      'Softmax',
      'Reshape',
    ]);
    expect(model.graph.nodes).toBe(nodes);
  });

  it('keeps other domains', async () => {
    const nodes = [
      makeNode({ opType: 'Gelu', domain: 'com.microsoft', inputs: ['x'], outputs: ['mixed'] }),
      makeNode({ opType: 'Squeeze', inputs: ['mixed'], outputs: ['y'], attributes: { axes: [0] } }),
    ];
    const old = oldModel(9, {
      inputs: [{ name: 'x', type: { dtype: 'float32', dims: [1, 5] } }],
      nodes,
      outputs: ['y'],
    });
    const model = { ...old, opsets: new Map([['com.microsoft', 1], ...old.opsets]) };
    expect([...liftOpset(model, 13).opsets]).toEqual([
      ['com.microsoft', 1],
      ['', 13],
    ]);
    const ran = await runLifted(model, feedsOf([1, 5], 1));
    expect(ran?.before.y?.dims).toEqual([5]);
    expect(ran?.after).toEqual(ran?.before);
  });

  it('takes the axis of a Softmax as it was where not even the rank is known', async () => {
    const nodes = [
      makeNode({ opType: 'Gelu', domain: 'com.microsoft', inputs: ['x'], outputs: ['mixed'] }),
      makeNode({ opType: 'Softmax', inputs: ['mixed'], outputs: ['y'], attributes: { axis: -2 } }),
    ];
    const old = oldModel(11, { inputs: [FLOAT_INPUT], nodes, outputs: ['y'] });
    const ran = await runLifted(
      { ...old, opsets: new Map([...old.opsets, ['com.microsoft', 1]]) },
      feedsOf([2, 3, 4, 4], 3),
    );
    expect(ran?.before.y?.dims).toEqual([2, 3, 4, 4]);
    expect(ran?.after).toEqual(ran?.before);
  });

  it('lifts branches and bodies, too, with what they see around them', async () => {
    const inner = (
      nodes: readonly ReturnType<typeof makeNode>[],
      inputs: Graph['inputs'],
      outputs: Graph['outputs'],
    ): Graph => ({
      ...oldModel(9, { inputs: [], nodes, outputs: [] }).graph,
      inputs,
      outputs,
    });
    const of = (name: string, dtype: 'float32' | 'bool' | 'int64', dims: number[] | undefined) => ({
      name,
      type: { dtype, dims },
    });
    const then = inner(
      [makeNode({ opType: 'Softmax', inputs: ['x'], outputs: ['then'] })],
      [],
      [of('then', 'float32', undefined)],
    );
    const clip = makeNode({ opType: 'Clip', inputs: ['x'], outputs: ['else'], attributes: { min: 0 } });
    const otherwise = inner([clip], [], [of('else', 'float32', undefined)]);
    const turn = [
      makeNode({ opType: 'Unsqueeze', inputs: ['carried'], outputs: ['next'], attributes: { axes: [0] } }),
      makeNode({ opType: 'Identity', inputs: ['on'], outputs: ['still'] }),
    ];
    const body = inner(
      turn,
      [of('i', 'int64', []), of('on', 'bool', []), of('carried', 'float32', undefined)],
      [of('still', 'bool', []), of('next', 'float32', undefined)],
    );
    const branches = { then_branch: subgraph(then), else_branch: subgraph(otherwise) };
    const nodes = [
      makeNode({ opType: 'If', inputs: ['flag'], outputs: ['chosen'], attributes: branches }),
      makeNode({
        opType: 'Loop',
        inputs: ['turns', '', 'chosen'],
        outputs: ['y'],
        attributes: { body: subgraph(body) },
      }),
    ];
    for (const opset of [7, 10]) {
      const model = oldModel(opset, {
        inputs: [FLOAT_INPUT, of('flag', 'bool', [])],
        nodes,
        outputs: ['y'],
        initializers: { turns: Tensor.scalar('int64', 2) },
      });
      for (const flag of [0, 1]) {
        const feeds = { ...feedsOf([2, 3, 4, 4], opset), flag: feed('bool', Uint8Array.of(flag), []) };
        const ran = await runLifted(model, feeds);
        expect(ran?.before.y?.dims).toEqual([1, 1, 2, 3, 4, 4]);
        expect(ran?.after).toEqual(ran?.before);
      }
    }
  });
});

describe('liftOpset() refuses by name', () => {
  const vectors = { scale: reals([4]), b: reals([4]), mean: reals([4]), variance: reals([4]) };
  it.each<[number, Given, string]>([
    [7, { opType: 'BatchNormalization', x: [2, 4], constants: vectors, attributes: { spatial: 0 } }, 'spatial = 0'],
    [8, { opType: 'MeanVarianceNormalization', x: [2, 3, 4, 4] }, 'experimental'],
    [8, { opType: 'Scan', x: [2, 3] }, 'each sequence of a batch'],
    [9, { opType: 'Dropout', x: [2, 3], outputs: ['y', 'mask'] }, 'its mask is used'],
    [10, { opType: 'Resize', x: [1, 1, 4, 4], constants: { s: f32(1, 1, 2, 0.5) } }, 'enlarges along one axis'],
    [12, { opType: 'Resize', x: [4], attributes: { coordinate_transformation_mode: 'tf_half_pixel_for_nn' } }, 'half'],
    [8, { opType: 'ImageScaler', x: [1, 3, 4, 4] }, 'it is no operator there'],
    [11, { opType: 'Upsample', x: [4], constants: { s: f32(2) } }, 'it is no operator there'],
    [9, { opType: 'constructor', x: [4] }, 'it is no operator there'],
  ])('operator set %i: %o', (opset, given, message) => {
    const lift = () => liftOpset(modelOf(opset, given), 13);
    expect(lift).toThrow(`Cannot lift node 'n' (${given.opType}) from operator set ${opset} to 13: `);
    expect(lift).toThrow(message);
  });

  it('a Clip whose type is not known', () => {
    const nodes = [
      makeNode({ opType: 'Mystery', domain: 'custom', inputs: ['x'], outputs: ['m'] }),
      makeNode({ opType: 'Clip', inputs: ['m'], outputs: ['y'], attributes: { min: 0 } }),
    ];
    const old = oldModel(9, { inputs: [FLOAT_INPUT], nodes, outputs: ['y'] });
    const model = { ...old, opsets: new Map([...old.opsets, ['custom', 1]]) };
    expect(() => liftOpset(model, 13)).toThrow("node that makes 'y' (Clip)");
    const m = { name: 'm', type: { dtype: 'float32', dims: undefined } } as const;
    const told = { ...model, graph: { ...model.graph, valueInfos: new Map([['m', m]]) } };
    expect(liftOpset(told, 13).graph.initializers.get('y/min')?.dtype).toBe('float32');
  });

  it('what is no operator', () => {
    const model = modelOf(9, { opType: 'Relu', x: [2] });
    const graph = { initialization: undefined, algorithm: undefined };
    const called = {
      domain: 'own',
      name: 'f',
      inputs: [],
      outputs: [],
      attributes: new Map(),
      nodes: [],
      valueInfos: new Map(),
    };
    expect(() => liftOpset({ ...model, opsets: new Map([['', 6]]) }, 13)).toThrow('it must use 7 or newer');
    expect(() => liftOpset({ ...model, trainingInfos: [graph] }, 13)).toThrow('training information');
    const functions = [{ ...called, opsets: new Map([['', 9]]) }];
    expect(() => liftOpset({ ...model, functions }, 13)).toThrow("defines the function 'own.f' by an older one");
    expect(() => liftOpset(model, 17)).toThrow('13 to 16, received 17');
  });
});
