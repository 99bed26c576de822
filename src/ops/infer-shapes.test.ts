import { describe, expect, it } from 'vitest';
import { type AttributeLike, type Dim, makeNode, subgraph, Tensor } from '../graph/index.ts';
import { GraphBuilder } from './graph-builder.ts';
import { infer, inferShapes } from './infer-shapes.ts';
import { tensorFromKnown } from './known-value.ts';

/** The inferred shape of what `make` builds from an input of this shape. */
function shapeOf(dims: readonly Dim[], make: (b: GraphBuilder, x: string) => string): readonly Dim[] | undefined {
  const b = new GraphBuilder();
  b.output('y', make(b, b.input('x', 'float32', dims)));
  return inferShapes(b.build()).get('y')?.dims;
}

const list = (b: GraphBuilder, ...values: number[]) => b.constant(Tensor.int64s(values));

describe('inferShapes()', () => {
  it('keeps the symbol of the batch through a network', () => {
    const b = new GraphBuilder();
    let x = b.input('x', 'float32', ['batch', 3, 33, 33]);
    x = b.maxPool(b.relu(b.batchNorm(b.conv(x, { out: 8, kernel: 3, stride: 2, padding: 1 }))), {
      kernel: 2,
      stride: 2,
      ceilMode: true,
    });
    x = b.channelShuffle(b.concat([x, x]), 4);
    b.output('y', b.linear(b.flatten(x), { out: 10 }));
    const built = b.build();
    const types = inferShapes(built);
    expect(types.get('y')).toEqual({ dtype: 'float32', dims: ['batch', 10] });
    // The builder follows shapes on its own: both must say the same of every value.
    for (const node of built.graph.nodes) {
      for (const output of node.outputs) if (output !== 'y') expect(types.get(output)?.dims).toEqual(b.dimsOf(output));
    }
  });

  it('resolves the view that PyTorch writes as Shape, Gather, Unsqueeze, Concat, Reshape', () => {
    const view = (b: GraphBuilder, x: string, last: number) => {
      const size = b.op('Gather', [b.op('Shape', [x]), b.constant(Tensor.scalar('int64', 0))], { axis: 0 });
      const target = b.op('Concat', [b.op('Unsqueeze', [size, list(b, 0)]), list(b, last)], { axis: 0 });
      return b.op('Reshape', [x, target]);
    };
    expect(shapeOf(['n', 8, 4, 4], (b, x) => view(b, x, -1))).toEqual(['n', 128]);
    expect(shapeOf(['n', 8, 4, 4], (b, x) => view(b, x, 128))).toEqual(['n', 128]);
    expect(shapeOf([5, 8, 4, 4], (b, x) => view(b, x, -1))).toEqual([5, 128]);
  });

  it('knows that −1 stands for the batch where everything else is known', () => {
    expect(shapeOf(['n', 8, 2, 2], (b, x) => b.op('Reshape', [x, list(b, -1, 32)]))).toEqual(['n', 32]);
    expect(shapeOf(['n', 8, 2, 2], (b, x) => b.op('Reshape', [x, list(b, -1, 16)]))).toEqual([undefined, 16]);
  });

  it('resolves the target that PyTorch writes for expand: Where(Equal(shape, −1), …)', () => {
    const expanded = shapeOf(['n', 1, 4], (b, x) => {
      const ones = b.op('ConstantOfShape', [list(b, 3)], { value: Tensor.of('int64', [1], [1]) });
      const wanted = list(b, -1, 6, -1);
      const condition = b.op('Equal', [wanted, b.op('Mul', [ones, list(b, -1)])]);
      return b.op('Expand', [x, b.op('Where', [condition, ones, wanted])]);
    });
    expect(expanded).toEqual(['n', 6, 4]);
  });

  it('halves a size that is computed from the input, as interpolate is exported', () => {
    const resized = shapeOf(['n', 3, 32, 48], (b, x) => {
      const sides = b.op('Slice', [b.op('Shape', [x]), list(b, 2), list(b, 4), list(b, 0)]);
      const half = b.op('Div', [sides, list(b, 2)]);
      const first = b.op('Slice', [b.op('Shape', [x]), list(b, 0), list(b, 2), list(b, 0)]);
      return b.op('Resize', [x, '', '', b.op('Concat', [first, half], { axis: 0 })], { mode: 'linear' });
    });
    expect(resized).toEqual(['n', 3, 16, 24]);
  });

  it('does not follow a value that is put together to more than it follows otherwise', () => {
    const b = new GraphBuilder();
    const part = list(b, ...Array.from({ length: 1000 }, (_, i) => i));
    // The second is of more elements than a call can have arguments.
    const all = b.op('Concat', Array<string>(300).fill(part), { axis: 0 });
    b.output('y', b.op('Concat', [all, all], { axis: 0 }));
    const { types, values } = infer(b.build());
    expect(types.get('y')?.dims).toEqual([600_000]);
    expect(values.get('y')).toBeUndefined();
  });

  it('follows integers exactly, also beyond 2^53', () => {
    const b = new GraphBuilder();
    const big = b.constant(Tensor.int64s([2n ** 63n - 1n, 3]));
    b.output('y', b.op('Gather', [big, b.constant(Tensor.scalar('int64', 0))], { axis: 0 }));
    b.output('z', b.op('Add', [big, list(b, 1, 1)]));
    const { values } = infer(b.build());
    expect(values.get('y')?.elements).toEqual([9223372036854775807n]);
    expect(values.get('z')?.elements).toEqual([undefined, 4]);
  });

  it('rounds float arithmetic as float32', () => {
    const b = new GraphBuilder();
    const of = (x: number) => b.constant(Tensor.scalar('float32', x));
    b.output('y', b.op('Div', [of(1), of(3)]));
    const value = infer(b.build()).values.get('y');
    // numpy.float32(1) / numpy.float32(3)
    expect(value?.elements).toEqual([0.3333333432674408]);
    expect(value && tensorFromKnown(value)?.bytes).toEqual(new Uint8Array([0xab, 0xaa, 0xaa, 0x3e]));
  });

  it('leaves unknown operators unknown and goes on behind them', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', ['n', 4]);
    const mystery = b.op('Mystery', [x], {}, { domain: 'own' });
    b.output('y', b.op('Reshape', [mystery, list(b, -1, 7)]));
    b.output('z', b.op('Add', [mystery, x]));
    const types = inferShapes(b.build());
    expect(types.get(mystery)).toBeUndefined();
    expect(types.get('y')?.dims).toEqual([undefined, 7]);
    expect(types.get('z')?.dims).toBeUndefined();
  });

  it('takes what the file says where nothing is known, as for the outputs of If', () => {
    const b = new GraphBuilder();
    const condition = b.input('c', 'bool', []);
    const branch = subgraph({
      ...emptyGraph(),
      nodes: [makeNode({ opType: 'Identity', inputs: ['c'], outputs: ['t'] })],
    });
    const y = b.op('If', [condition], { then_branch: branch, else_branch: branch }, { shape: [2, 3] });
    b.output('y', y);
    const model = b.build();
    expect(inferShapes(model).get('y')?.dims).toEqual([2, 3]);
    expect(inferShapes(model.graph).get('y')?.dims).toEqual([2, 3]);
  });

  it('does not take the default of an input for a constant', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [2, 6]);
    b.output('y', b.op('Reshape', [x, b.initializer('shape', Tensor.int64s([3, 4]))]));
    const model = b.build();
    const inputs = [...model.graph.inputs, { name: 'shape', type: { dtype: 'int64' as const, dims: [2] } }];
    const asDefault = { ...model, graph: { ...model.graph, inputs, outputs: [{ name: 'y', type: undefined }] } };
    expect(inferShapes(model).get('y')?.dims).toEqual([3, 4]);
    expect(inferShapes(asDefault).get('y')?.dims).toEqual([undefined, undefined]);
    expect(inferShapes({ ...asDefault, irVersion: 3 }).get('y')?.dims).toEqual([3, 4]);
  });

  it('binds symbols and input shapes', () => {
    const b = new GraphBuilder();
    b.output('y', b.conv(b.input('x', 'float32', ['n', 3, 'h', 'w']), { out: 2, kernel: 3 }));
    const model = b.build();
    expect(inferShapes(model).get('y')?.dims).toEqual(['n', 2, undefined, undefined]);
    expect(inferShapes(model, { symbols: { n: 4, h: 9, w: 8 } }).get('y')?.dims).toEqual([4, 2, 7, 6]);
    expect(inferShapes(model, { inputShapes: { x: [1, 3, 5, 5] } }).get('y')?.dims).toEqual([1, 2, 3, 3]);
  });
});

function emptyGraph() {
  return {
    name: 'branch',
    inputs: [],
    outputs: [{ name: 't', type: undefined }],
    initializers: new Map(),
    sparseInitializers: new Map(),
    nodes: [],
    valueInfos: new Map(),
  };
}

describe('contradictions name the node', () => {
  const cases: [string, readonly Dim[], (b: GraphBuilder, x: string) => string, string][] = [
    [
      'channels',
      [1, 3, 8, 8],
      (b, x) => b.op('Conv', [x, b.constant(Tensor.of('float32', [1, 2, 1, 1], [1, 1]))], {}, { name: 'c' }),
      "'/c' (Conv) contradict: input channels must be equal, received 3 and 2",
    ],
    [
      'a kernel larger than the image',
      [1, 1, 2, 2],
      (b, x) => b.op('MaxPool', [x], { kernel_shape: [3, 3] }),
      "'/MaxPool' (MaxPool) contradict: a window of 3×3 must fit into [2,2]",
    ],
    [
      'broadcasting',
      [2, 3],
      (b, x) => b.op('Add', [x, b.constant(Tensor.of('float32', [2], [1, 1]))]),
      '[2,3] and [2] do not broadcast',
    ],
    ['inner dimensions', [2, 3], (b, x) => b.op('MatMul', [x, x]), 'inner dimensions must be equal, received 3 and 2'],
    ['an axis', [2, 3], (b, x) => b.op('Softmax', [x], { axis: 2 }), 'axis 2 must lie in a rank of 2'],
    [
      'reshaping',
      [2, 3],
      (b, x) => b.op('Reshape', [x, b.constant(Tensor.int64s([4, -1]))]),
      '[2,3] cannot be reshaped to [4,-1]',
    ],
    [
      'concatenation',
      [2, 3],
      (b, x) => b.op('Concat', [x, b.constant(Tensor.of('float32', [1, 2], [1, 1]))], { axis: 0 }),
      'dimensions 1 must be equal, received 3 and 2',
    ],
    [
      'statistics',
      [1, 3, 2, 2],
      (b, x) =>
        b.op('BatchNormalization', [x, ...[1, 2, 3, 4].map(() => b.constant(Tensor.of('float32', [2], [1, 1])))]),
      'channels must be equal, received 3 and 2',
    ],
  ];
  it.each(cases)('%s', (_, dims, make, message) => {
    expect(() => shapeOf(dims, make)).toThrow(message);
    expect(() => shapeOf(dims, make)).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
  });
});

describe('attributes of windows that are off are named with their node', () => {
  const weight = (b: GraphBuilder) => b.constant(Tensor.of('float32', [2, 2, 1, 1], [1, 1, 1, 1]));
  it.each<[string, Readonly<Record<string, AttributeLike>>, string]>([
    ['Conv', { strides: [0, 1] }, 'strides must be 2 numbers from 1, received [0,1]'],
    ['Conv', { dilations: [1, 0] }, 'dilations must be 2 numbers from 1, received [1,0]'],
    ['Conv', { group: 0 }, 'group must be a number from 1, received 0'],
    ['Conv', { pads: [1, 1, 1] }, 'pads must be 4 numbers from 0, received [1,1,1]'],
    ['Conv', { pads: [0, 0, -1, 0] }, 'pads must be 4 numbers from 0, received [0,0,-1,0]'],
    ['ConvTranspose', { group: 0 }, 'group must be a number from 1, received 0'],
    ['ConvTranspose', { strides: [0, 0] }, 'strides must be 2 numbers from 1'],
    ['MaxPool', { kernel_shape: [2, 2], strides: [0, 0] }, 'strides must be 2 numbers from 1'],
    ['AveragePool', { kernel_shape: [2, 2], strides: [1] }, 'strides must be 2 numbers from 1, received [1]'],
  ])('%s %j', (opType, attributes, message) => {
    const inputs = (b: GraphBuilder, x: string) => (opType.startsWith('Conv') ? [x, weight(b)] : [x]);
    expect(() => shapeOf([1, 2, 4, 4], (b, x) => b.op(opType, inputs(b, x), attributes, { name: 'off' }))).toThrow(
      `Cannot use node '/off' (${opType}): its attribute ${message}`,
    );
  });
});
