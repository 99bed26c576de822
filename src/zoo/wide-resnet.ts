/** Wide residual networks, WRN-depth-width, without dropout (Zagoruyko and Komodakis 2016). */
import { bnRelu, classifier, plainConv, scaled, stages, threeStages } from './blocks.ts';
import type { Family } from './family.ts';
import { preActivated } from './residual.ts';

export const wideResnet: Family<'depth' | 'width'> = {
  title: 'WideResNet (Zagoruyko and Komodakis 2016)',
  parameters: {
    depth: { about: 'layers, 6n + 4', values: { from: 10, step: 6 } },
    width: { about: 'multiplies the channels of the blocks' },
  },
  sizes: {
    'wrn-16-4': { depth: 16, width: 4 },
    'wrn-16-8': { depth: 16, width: 8 },
    'wrn-40-2': { depth: 40, width: 2 },
    'wrn-28-10': { depth: 28, width: 10 },
  },
  initialization: 'kaiming-fan-out',
  build(b, images, { depth, width }, classes) {
    const stem = plainConv(b, images, { out: 16, kernel: 3 });
    const plan = threeStages(scaled(16, width), (depth - 4) / 6);
    const features = stages(b, stem, plan, (x, stride, { out }) =>
      preActivated(b, x, stride, (active) => {
        const first = plainConv(b, active, { out, kernel: 3, stride });
        return plainConv(b, bnRelu(b, first), { out, kernel: 3 });
      }),
    );
    return classifier(b, bnRelu(b, features), classes);
  },
};
