/**
 * MobileNetV2, inverted residuals with linear bottlenecks (Sandler et al. 2018, table 2), without dropout. For small
 * images the stem and the second stage keep height and width.
 */
import { classifier, convBn, hasSmallImages, type Stage, stages } from './blocks.ts';
import type { Family } from './family.ts';

/** Table 2: t (hidden channels for each input channel), c, n, s. */
const TABLE = [
  { expansion: 1, out: 16, blocks: 1, stride: 1 },
  { expansion: 6, out: 24, blocks: 2, stride: 2 },
  { expansion: 6, out: 32, blocks: 3, stride: 2 },
  { expansion: 6, out: 64, blocks: 4, stride: 2 },
  { expansion: 6, out: 96, blocks: 3, stride: 1 },
  { expansion: 6, out: 160, blocks: 3, stride: 2 },
  { expansion: 6, out: 320, blocks: 1, stride: 1 },
] as const satisfies readonly (Stage & { expansion: number })[];

export const mobilenetV2: Family<'width'> = {
  title: 'MobileNetV2 (Sandler et al. 2018)',
  parameters: { width: { about: 'multiplies the channels', default: 1 } },
  sizes: { mobilenetv2: {} },
  initialization: 'kaiming-fan-out',
  build(b, images, { width }, classes) {
    const small = hasSmallImages(b, images);
    const plan = TABLE.map((stage, s) => ({
      ...stage,
      out: multipleOf8(stage.out * width),
      stride: small && s === 1 ? 1 : stage.stride,
    }));
    const stem = b.relu6(convBn(b, images, { out: multipleOf8(32 * width), kernel: 3, stride: small ? 1 : 2 }));
    const bottlenecks = stages(b, stem, plan, (x, stride, { expansion, out }) => {
      const inChannels = b.sizeOf(x, 1);
      const hidden = inChannels * expansion;
      const wide = expansion === 1 ? x : b.relu6(convBn(b, x, { out: hidden, kernel: 1 }));
      const filtered = b.relu6(convBn(b, wide, { out: hidden, kernel: 3, stride, groups: hidden }));
      const narrow = convBn(b, filtered, { out, kernel: 1 });
      return stride === 1 && inChannels === out ? b.add(x, narrow) : narrow;
    });
    const features = b.relu6(convBn(b, bottlenecks, { out: multipleOf8(1280 * Math.max(1, width)), kernel: 1 }));
    return classifier(b, features, classes);
  },
};

/** The nearest multiple of 8, but not below nine tenths of what was asked (as TensorFlow's reference rounds). */
function multipleOf8(channels: number): number {
  const rounded = Math.max(8, Math.floor((channels + 4) / 8) * 8);
  return rounded < 0.9 * channels ? rounded + 8 : rounded;
}
