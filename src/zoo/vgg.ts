/**
 * VGG with batch normalisation (Simonyan and Zisserman 2015, table 1) in the form that is usual for small images: no
 * hidden linear layers, one from the 512 features to the classes.
 */
import type { GraphBuilder } from '../ops/index.ts';
import { classifier, convBnRelu, scaled, stages } from './blocks.ts';
import type { Family } from './family.ts';

/** How many convolutions each stage has, by depth. */
const CONVOLUTIONS: Readonly<Record<number, readonly number[]>> = {
  11: [1, 1, 2, 2, 2],
  13: [2, 2, 2, 2, 2],
  16: [2, 2, 3, 3, 3],
  19: [2, 2, 4, 4, 4],
};
const CHANNELS = [64, 128, 256, 512, 512];

export const vgg: Family<'depth' | 'width'> = {
  title: 'VGG with batch normalisation (Simonyan and Zisserman 2015)',
  parameters: {
    depth: { about: 'layers', values: Object.keys(CONVOLUTIONS).map(Number) },
    width: { about: 'multiplies the channels', default: 1 },
  },
  sizes: { vgg11: { depth: 11 }, vgg13: { depth: 13 }, vgg16: { depth: 16 }, vgg19: { depth: 19 } },
  initialization: 'kaiming-fan-out',
  build(b, images, { depth, width }, classes) {
    const plan = CHANNELS.map((channels, s) => ({
      blocks: CONVOLUTIONS[depth]?.[s] ?? 0,
      out: scaled(channels, width),
      // A stage begins with the pooling that ends the one before.
      stride: s === 0 ? 1 : 2,
    }));
    const features = stages(b, images, plan, (x, stride, { out }) =>
      convBnRelu(b, stride === 1 ? x : halved(b, x), { out, kernel: 3 }),
    );
    return classifier(b, halved(b, features), classes);
  },
};

/** Maximum of 2×2; an odd last row or column stands alone, so that images of any size go through. */
function halved(b: GraphBuilder, x: string): string {
  const odd = b.sizeOf(x, 2) % 2 === 1 || b.sizeOf(x, 3) % 2 === 1;
  return b.maxPool(x, { kernel: 2, stride: 2, ...(odd && { ceilMode: true }) });
}
