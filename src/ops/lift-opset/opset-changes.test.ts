/** Each change of the table, from every version before it: ONNX Runtime's results are the same bits. */
import { describe, expect, it } from 'vitest';
import { runLifted } from '../../../test/old-models.ts';
import { drawn, feedsOf, type OldOperator, operatorModel, vector } from '../../../test/old-operators.ts';
import { float, floats, ints, Tensor } from '../../graph/index.ts';
import { liftOpset } from './lift-opset.ts';

const statistics = { scale: drawn([3], 2), b: drawn([3], 3), mean: drawn([3], 4), variance: drawn([3], 5) };

/** From version, up to version: what changed between 7 and 13. */
const CHANGED: readonly (readonly [first: number, last: number, given: OldOperator])[] = [
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
  [9, 9, { opType: 'Upsample', x: [1, 2, 3, 4], constants: { scales: vector(1, 1, 2, 3.3) } }],
  [9, 9, { opType: 'Upsample', x: [2, 3], constants: { scales: vector(1.5, 2) }, attributes: { mode: 'linear' } }],
  [10, 10, { opType: 'Resize', x: [1, 2, 3, 4], constants: { scales: vector(1, 1, 2.7, 3) } }],
  [10, 10, { opType: 'Resize', x: [1, 2, 9, 11], constants: { scales: vector(1, 1, 0.3, 0.6) } }],
  [
    10,
    10,
    {
      opType: 'Resize',
      x: [1, 2, 9, 11],
      constants: { scales: vector(1, 1, 0.4, 1.8) },
      attributes: { mode: 'linear' },
    },
  ],
  [
    11,
    12,
    {
      opType: 'Resize',
      x: [1, 2, 3, 4],
      constants: { roi: vector(), scales: vector(), sizes: Tensor.int64s([1, 2, 7, 5]) },
      attributes: { mode: 'linear', coordinate_transformation_mode: 'align_corners' },
    },
  ],
  [11, 12, { opType: 'Resize', x: [1, 2, 3, 4], constants: { roi: vector(), scales: vector(1, 1, 2, 2) } }],
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
      constants: { indices: Tensor.of('int64', [1, 3], [2, 0, 1]), updates: drawn([1, 3]) },
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
          constants: { w: drawn([2, 3, 4, 3]) },
          attributes: { auto_pad, strides: [1, 2] },
        },
      ] as const,
  ),
  [7, 12, { opType: 'ThresholdedRelu', x: [2, 9], attributes: { alpha: 0.5 } }],
  [7, 12, { opType: 'LRN', x: [1, 7, 3, 3], attributes: { size: 3 } }],
  [7, 12, { opType: 'InstanceNormalization', x: [2, 3, 4], constants: { scale: drawn([3]), b: drawn([3], 2) } }],
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

describe('liftOpset() of an operator', () => {
  it.each(CHANGED)('from %i … %i: %o', async (first, last, given) => {
    for (let opset = first; opset <= last; opset++) {
      for (const to of [13, 16]) {
        const ran = await runLifted(operatorModel(opset, given), feedsOf(given.x, opset), to);
        // Deprecated with version 11, which the engine takes at its word.
        if (given.opType === 'Scatter' && opset >= 11) continue;
        expect(ran, `operator set ${opset}`).toBeDefined();
        expect(ran?.after).toEqual(ran?.before);
      }
    }
  });
});

describe('liftOpset() refuses an operator by name', () => {
  const vectors = { scale: drawn([4]), b: drawn([4]), mean: drawn([4]), variance: drawn([4]) };
  it.each<[number, OldOperator, string]>([
    [7, { opType: 'BatchNormalization', x: [2, 4], constants: vectors, attributes: { spatial: 0 } }, 'spatial = 0'],
    [8, { opType: 'MeanVarianceNormalization', x: [2, 3, 4, 4] }, 'experimental'],
    [8, { opType: 'Scan', x: [2, 3] }, 'each sequence of a batch'],
    [9, { opType: 'Dropout', x: [2, 3], outputs: ['y', 'mask'] }, 'its mask is used'],
    [10, { opType: 'Resize', x: [1, 1, 4, 4], constants: { s: vector(1, 1, 2, 0.5) } }, 'enlarges along one axis'],
    [12, { opType: 'Resize', x: [4], attributes: { coordinate_transformation_mode: 'tf_half_pixel_for_nn' } }, 'half'],
    [8, { opType: 'ImageScaler', x: [1, 3, 4, 4] }, 'it is no operator there'],
    [9, { opType: 'Clip', x: [4], constants: { low: vector(0) } }, 'inputs that the older one does not know'],
    [11, { opType: 'Upsample', x: [4], constants: { s: vector(2) } }, 'it is no operator there'],
    [9, { opType: 'constructor', x: [4] }, 'it is no operator there'],
  ])('operator set %i: %o', (opset, given, message) => {
    const lift = () => liftOpset(operatorModel(opset, given), 13);
    expect(lift).toThrow(`Cannot lift node 'n' (${given.opType}) from operator set ${opset} to 13: `);
    expect(lift).toThrow(message);
  });
});
