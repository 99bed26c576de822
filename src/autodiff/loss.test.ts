/** Losses and their gradients by the logits against torch.nn.functional (PyTorch 2.15.0) on the same numbers. */
import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/expect-close.ts';
import { feed, runModel } from '../../test/run-onnx.ts';
import { GraphBuilder } from '../ops/index.ts';
import { gradientModel } from './gradient-model.ts';
import type { Loss, LossOptions } from './loss.ts';

/** Logits far from zero, too, where a naive log(sigmoid(x)) is infinite. */
const LOGITS = [0.5, -1.2, 2, -30, 40, 0.1, 1, 1, 1, 0, -0.3, 0.7];
const CLASSES = [2, 0, 1, 2];
const TARGETS = [0, 1, 0.25, 1, 0, 1, 0, 0, 1, 0.5, 1, 0];

async function lossOf(loss: Loss, columns: number, logits: number[], labels: number[], options: LossOptions = {}) {
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', ['batch', columns]);
  b.output('logits', b.add(x, b.parameter('shift', [columns], 0)));
  const rows = logits.length / columns;
  const outputs = await runModel(gradientModel(b.build(), { ...options, loss, inputs: true }), {
    x: feed('float32', Float32Array.from(logits), [rows, columns]),
    labels:
      loss === 'cross-entropy'
        ? feed('int64', BigInt64Array.from(labels, BigInt), [labels.length])
        : feed('float32', Float32Array.from(labels), [labels.length / columns, columns]),
  });
  return { loss: outputs.loss?.data as Float32Array, gradient: outputs['grad.x']?.data as Float32Array };
}

describe('writeLoss() equals torch.nn.functional', () => {
  it.each<[string, LossOptions, number, number[]]>([
    [
      'cross_entropy',
      {},
      17.988945,
      [
        0.04413551, 0.00806283, -0.05219835, -0.25, 0.25, 1.173788e-18, 0.08333333, -0.1666667, 0.08333333, 0.06658551,
        0.04932775, -0.1159133,
      ],
    ],
    [
      'cross_entropy with label_smoothing',
      { labelSmoothing: 0.1 },
      17.2081108,
      [
        0.03580218, -0.0002705036, -0.03553168, -0.2333333, 0.2416667, -0.008333334, 0.075, -0.15, 0.075, 0.05825218,
        0.04099442, -0.09924659,
      ],
    ],
    [
      'cross_entropy with weight',
      { classWeights: [0.5, 2, 1.5] },
      6.9969053,
      [
        0.04814783, 0.008795815, -0.05694366, -0.09090909, 0.09090909, 4.268319e-19, 0.1212121, -0.2424242, 0.1212121,
        0.07263874, 0.0538121, -0.1264508,
      ],
    ],
    [
      'cross_entropy with weight and label_smoothing',
      { classWeights: [0.5, 2, 1.5], labelSmoothing: 0.2 },
      6.9571986,
      [
        0.04101727, -0.01564207, -0.02537522, -0.07878788, 0.0969697, -0.01818182, 0.1070707, -0.2020202, 0.09494949,
        0.06496394, 0.02837384, -0.09333778,
      ],
    ],
  ])('%s', async (_, options, loss, gradient) => {
    const ours = await lossOf('cross-entropy', 3, LOGITS, CLASSES, options);
    expectClose(ours.loss, [loss], 1e-5);
    expectClose(ours.gradient, gradient, 1e-6);
  });

  it.each<[LossOptions]>([[{}], [{ classWeights: [1, 1, 5] }]])(
    'cross_entropy of masked classes, with %o',
    async (options) => {
      // Of a class that is masked, −∞, neither loss nor slope knows: what is left is −log σ of the difference of two logits.
      const differences = [1.7, -2, 0, 30];
      const ours = await lossOf(
        'cross-entropy',
        3,
        differences.flatMap((difference) => [0, difference, Number.NEGATIVE_INFINITY]),
        [1, 0, 1, 1],
        options,
      );
      const signs = [1, -1, 1, 1];
      const margins = differences.map((difference, i) => difference * (signs[i] as number));
      expectClose(ours.loss, [margins.reduce((sum, margin) => sum + Math.log1p(Math.exp(-margin)), 0) / 4], 1e-6);
      const slopes = margins.map((margin, i) => (signs[i] as number) / (1 + Math.exp(margin)) / 4);
      expectClose(
        ours.gradient,
        slopes.flatMap((slope) => [slope, -slope, 0]),
        1e-6,
      );
    },
  );

  it('is 0 without slope for a batch of which no class counts, where PyTorch has 0/0', async () => {
    const ours = await lossOf('cross-entropy', 3, LOGITS, [2, 2, 2, 2], { classWeights: [1, 2, 0] });
    expectClose(ours.loss, [0], 0);
    expectClose(ours.gradient, Array(12).fill(0), 0);
  });

  it('binary_cross_entropy_with_logits', async () => {
    const ours = await lossOf('bce', 3, LOGITS, TARGETS);
    expectClose(ours.loss, [6.6915965], 1e-5);
    const gradient = [
      0.05187161, -0.06404373, 0.05256642, -0.08333334, 0.08333334, -0.03958507, 0.06092155, 0.06092155, -0.02241178, 0,
      -0.04787021, 0.05568231,
    ];
    expectClose(ours.gradient, gradient, 1e-6);
  });

  it('binary_cross_entropy_with_logits of one output', async () => {
    const ours = await lossOf('bce', 1, [0.5, -1.2, 90, -90], [1, 0, 0, 1]);
    expectClose(ours.loss, [45.1843414], 1e-5);
    expectClose(ours.gradient, [-0.09438516, 0.0578688, 0.25, -0.25], 1e-6);
  });

  it('mse_loss', async () => {
    const ours = await lossOf('mse', 3, LOGITS, TARGETS);
    expectClose(ours.loss, [214.5327148], 1e-3);
    const gradient = [
      0.08333334, -0.3666667, 0.2916667, -5.166667, 6.666667, -0.15, 0.1666667, 0.1666667, 0, -0.08333334, -0.2166667,
      0.1166667,
    ];
    expectClose(ours.gradient, gradient, 1e-5);
  });
});

/** As torch.nn.functional, which has no negative class numbers and says so: "Target -1 is out of bounds". */
describe('writeLoss() makes the engine refuse', () => {
  it.each([[[2, 0, 3, 2]], [[2, 0, -1, 2]], [[2, 0, -3, 2]], [[2, 0, -4, 2]]])(
    'class numbers %j of 3 classes',
    async (labels) => {
      for (const options of [{}, { classWeights: [1, 2, 3] }, { labelSmoothing: 0.1 }]) {
        await expect(lossOf('cross-entropy', 3, LOGITS, labels, options)).rejects.toThrow(
          /labels must be \[batch\] from 0 to 2/,
        );
      }
    },
  );

  it.each([[[1]], [[2, 0, 1]], [[2, 0, 1, 2, 0]]])('class numbers %j for 4 rows', async (labels) => {
    await expect(lossOf('cross-entropy', 3, LOGITS, labels)).rejects.toThrow(/labels must be \[batch\]/);
  });

  it.each(['bce', 'mse'] as const)('%s with labels for other than the 4 rows', async (loss) => {
    for (const rows of [1, 2, 5]) {
      const labels = Array.from({ length: 3 * rows }, () => 1);
      await expect(lossOf(loss, 3, LOGITS, labels)).rejects.toThrow(/labels must be as many as the scores/);
    }
  });
});
