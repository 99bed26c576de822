/**
 * SqueezeNet 1.1 (Iandola et al. 2016; version 1.1 of their repository), without dropout. No batch normalisation, and its
 * classifier is a 1×1 convolution before the average. For small images the stem has stride 1.
 */
import type { GraphBuilder } from '../ops/index.ts';
import { hasSmallImages, scaled, stages } from './blocks.ts';
import type { Family } from './family.ts';

/** Fire modules; a stage of stride 2 begins with the pooling that stands before it. */
const FIRES = [
  { blocks: 2, squeeze: 16, out: 128, stride: 2 },
  { blocks: 2, squeeze: 32, out: 256, stride: 2 },
  { blocks: 2, squeeze: 48, out: 384, stride: 2 },
  { blocks: 2, squeeze: 64, out: 512, stride: 1 },
];

export const squeezenet: Family<'width'> = {
  title: 'SqueezeNet 1.1 (Iandola et al. 2016)',
  parameters: { width: { about: 'multiplies the channels', default: 1 } },
  sizes: { squeezenet: {} },
  // Nothing normalises the activations, so they must keep their variance.
  initialization: 'kaiming-fan-in',
  // Measured on CIFAR-10 at half the width: 0.1 diverges, 0.04 stays at chance, 0.02 learns.
  rate: 0.02,
  build(b, images, { width }, classes) {
    const stride = hasSmallImages(b, images) ? 1 : 2;
    const stem = b.relu(b.conv(images, { out: scaled(64, width), kernel: 3, stride }));
    const features = stages(b, stem, FIRES, (x, pooling, { squeeze, out }) => {
      const pooled = pooling === 1 ? x : b.maxPool(x, { kernel: 3, stride: 2, ceilMode: true });
      return fire(b, pooled, scaled(squeeze, width), scaled(out / 2, width));
    });
    const maps = b.relu(b.conv(features, { out: classes, kernel: 1, name: 'linear' }));
    return b.flatten(b.globalAveragePool(maps));
  },
};

function fire(b: GraphBuilder, x: string, squeeze: number, expand: number): string {
  const narrow = b.relu(b.conv(x, { out: squeeze, kernel: 1, name: 'squeeze' }));
  return b.concat([
    b.relu(b.conv(narrow, { out: expand, kernel: 1, name: 'expand1x1' })),
    b.relu(b.conv(narrow, { out: expand, kernel: 3, padding: 1, name: 'expand3x3' })),
  ]);
}
