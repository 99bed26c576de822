import { describe, it } from 'vitest';
import { checkGradient } from '../../../test/check-gradient.ts';
import { Random } from '../../base/index.ts';

const upTo = (random: Random, high: number, low = 1) => low + random.integer(high - low + 1);

/** Convolutions are linear in each input: a step of 1 leaves rounding alone, which float32 has to be given room for. */
const LINEAR = { dtype: 'float32', step: 1, tolerance: 2e-4 } as const;

interface Drawn {
  readonly groups: number;
  /** Input and output channels of a group. */
  readonly channels: readonly [number, number];
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly batch: number;
}

function draw(random: Random, spatial: number): Drawn {
  const each = (high: number) => Array.from({ length: spatial }, () => upTo(random, high));
  return {
    groups: upTo(random, 3),
    channels: [upTo(random, 3), upTo(random, 3)],
    kernel: each(3),
    strides: each(3),
    dilations: each(2),
    batch: upTo(random, 3),
  };
}

describe('Conv', () => {
  it.each([1, 2, 3])('over %i axes: strides, dilations, groups, asymmetric and automatic pads', async (spatial) => {
    const random = new Random(10 + spatial);
    for (let seed = 0; seed < (spatial === 2 ? 24 : 10); seed++) {
      const { groups, channels, kernel, strides, dilations, batch } = draw(random, spatial);
      const autoPad = random.pick([undefined, undefined, 'SAME_UPPER', 'SAME_LOWER', 'VALID']);
      const pads = [...kernel, ...kernel].map(() => random.integer(4));
      const reach = kernel.map((size, i) => (size - 1) * (dilations[i] ?? 1) + 1);
      await checkGradient({
        opType: 'Conv',
        inputs: [
          [batch, channels[0] * groups, ...reach.map((size) => size + random.integer(5))],
          [channels[1] * groups, channels[0], ...kernel],
          random.integer(2) === 0 ? null : [channels[1] * groups],
        ],
        attributes:
          autoPad === undefined
            ? { group: groups, strides, dilations, pads }
            : // ONNX Runtime's automatic padding knows no dilations.
              { group: groups, strides, auto_pad: autoPad },
        ...LINEAR,
        seed,
      });
    }
  });

  it('depthwise and pointwise, with and without a stride', async () => {
    for (const stride of [1, 2]) {
      const attributes = { strides: [stride, stride] };
      await checkGradient({
        opType: 'Conv',
        inputs: [[2, 5, 7, 6], [5, 1, 3, 3], [5]],
        attributes: { ...attributes, group: 5, pads: [1, 1, 1, 1] },
        ...LINEAR,
      });
      await checkGradient({ opType: 'Conv', inputs: [[2, 5, 7, 6], [3, 5, 1, 1], null], attributes, ...LINEAR });
      // More filters than positions: the images are laid behind each other.
      await checkGradient({ opType: 'Conv', inputs: [[3, 12, 2, 2], [10, 12, 1, 1], null], attributes, ...LINEAR });
    }
  });

  it('on large maps, where the weight gradient is a product of single images', async () => {
    for (const [group, dilation, pads] of [
      [1, 1, [1, 1, 1, 1]],
      [2, 2, [2, 0, 1, 3]],
    ] as const) {
      await checkGradient({
        opType: 'Conv',
        inputs: [[2, 4, 26, 25], [6, 4 / group, 3, 3], null],
        attributes: { group, pads, dilations: [dilation, dilation] },
        ...LINEAR,
        tolerance: 1e-3,
      });
    }
  });

  it('whose windows see padding alone through some taps, and whose padding is wider than the kernel', async () => {
    await checkGradient({
      opType: 'Conv',
      inputs: [[2, 2, 1, 2], [3, 2, 5, 5], null],
      attributes: { pads: [2, 2, 2, 2] },
      ...LINEAR,
    });
    await checkGradient({
      opType: 'Conv',
      inputs: [[2, 2, 3, 2], [3, 2, 2, 1], null],
      attributes: { pads: [3, 1, 2, 4] },
      ...LINEAR,
    });
  });

  it('with a batch known only when it runs', async () => {
    for (const [group, strides, kernel, size] of [
      [1, [1, 1], 3, 6],
      [2, [2, 1], 3, 6],
      [2, [1, 1], 3, 24],
      [1, [2, 2], 1, 6],
      [2, [1, 1], 1, 2],
    ] as const) {
      await checkGradient({
        opType: 'Conv',
        inputs: [[3, 12, size, size], [10, 12 / group, kernel, kernel], [10]],
        attributes: { group, strides, pads: kernel === 3 ? [1, 1, 1, 1] : [0, 0, 0, 0] },
        symbolicBatch: [0],
        ...LINEAR,
        tolerance: 1e-3,
      });
    }
  });
});

describe('ConvTranspose', () => {
  it.each([1, 2, 3])('over %i axes: strides, dilations, groups, pads, output_padding', async (spatial) => {
    const random = new Random(20 + spatial);
    for (let seed = 0; seed < (spatial === 2 ? 24 : 8); seed++) {
      const { groups, channels, kernel, strides, dilations, batch } = draw(random, spatial);
      const size = kernel.map(() => upTo(random, 4, 2));
      const reach = kernel.map((length, i) => (length - 1) * (dilations[i] ?? 1) + 1);
      const natural = size.map((length, i) => (length - 1) * (strides[i] ?? 1) + (reach[i] ?? 1));
      const output_padding = strides.map((stride) => random.integer(stride));
      const pads = [...natural, ...natural].map((length) => random.integer(Math.min(3, Math.ceil(length / 2))));
      const geometry = random.pick([
        { pads, output_padding },
        { pads, output_padding },
        { output_shape: natural.map((length) => Math.max(length - random.integer(3), 1)) },
        { auto_pad: random.pick(['SAME_UPPER', 'SAME_LOWER', 'VALID']) },
      ]);
      await checkGradient({
        opType: 'ConvTranspose',
        inputs: [
          [batch, channels[0] * groups, ...size],
          [channels[0] * groups, channels[1], ...kernel],
          random.integer(2) === 0 ? null : [channels[1] * groups],
        ],
        attributes: { group: groups, strides, dilations, ...geometry },
        ...LINEAR,
        seed,
      });
    }
  });

  it('with a batch known only when it runs', async () => {
    await checkGradient({
      opType: 'ConvTranspose',
      inputs: [[3, 4, 5, 4], [4, 3, 3, 3], [6]],
      attributes: { group: 2, strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 1] },
      symbolicBatch: [0],
      ...LINEAR,
    });
  });
});
