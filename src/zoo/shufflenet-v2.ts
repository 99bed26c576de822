/**
 * ShuffleNetV2 (Ma et al. 2018, table 5 and figure 3): half of the channels pass by, and a shuffle mixes the halves. For
 * small images the stem keeps height and width and is not pooled.
 */
import type { GraphBuilder } from '../ops/index.ts';
import { classifier, convBn, convBnRelu, hasSmallImages, stages } from './blocks.ts';
import type { Family } from './family.ts';

const STEM = 24;

/** Table 5: output channels of the three stages and of the last convolution, by width. */
const CHANNELS: Readonly<Record<number, { stages: readonly number[]; last: number }>> = {
  0.5: { stages: [48, 96, 192], last: 1024 },
  1: { stages: [116, 232, 464], last: 1024 },
  1.5: { stages: [176, 352, 704], last: 1024 },
  2: { stages: [244, 488, 976], last: 2048 },
};
const BLOCKS = [4, 8, 4];

export const shufflenetV2: Family<'width'> = {
  title: 'ShuffleNetV2 (Ma et al. 2018)',
  parameters: { width: { about: 'size as in its table 5', default: 1, values: [0.5, 1, 1.5, 2] } },
  sizes: {
    'shufflenetv2-x0.5': { width: 0.5 },
    'shufflenetv2-x1': { width: 1 },
    'shufflenetv2-x1.5': { width: 1.5 },
    'shufflenetv2-x2': { width: 2 },
  },
  initialization: 'kaiming-fan-out',
  build(b, images, { width }, classes) {
    const small = hasSmallImages(b, images);
    const { stages: outs, last } = CHANNELS[width] ?? { stages: [], last: 0 };
    const first = convBnRelu(b, images, { out: STEM, kernel: 3, stride: small ? 1 : 2 });
    const stem = small ? first : b.maxPool(first, { kernel: 3, stride: 2, padding: 1 });
    const plan = outs.map((out, s) => ({ blocks: BLOCKS[s] ?? 0, out, stride: 2 }));
    const mixed = stages(b, stem, plan, (x, stride, { out }) => {
      const half = out / 2;
      const [left = x, right = x] = stride === 1 ? b.split(x, [half, half]) : [];
      const passed = stride === 1 ? left : b.scope('left', () => separable(b, left, half, stride));
      const branch = b.scope('right', () => separable(b, convBnRelu(b, right, { out: half, kernel: 1 }), half, stride));
      return b.channelShuffle(b.concat([passed, branch]), 2);
    });
    return classifier(b, convBnRelu(b, mixed, { out: last, kernel: 1 }), classes);
  },
};

/** A depthwise and a pointwise convolution, without an activation between them. */
function separable(b: GraphBuilder, x: string, out: number, stride: number): string {
  const filtered = convBn(b, x, { out: b.sizeOf(x, 1), kernel: 3, stride, groups: b.sizeOf(x, 1) });
  return convBnRelu(b, filtered, { out, kernel: 1 });
}
