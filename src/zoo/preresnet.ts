/** Residual networks of bottlenecks with the activation first (He et al. 2016, Identity Mappings, table 4 and appendix). */
import { bnRelu, classifier, plainConv, scaled, stages, threeStages } from './blocks.ts';
import type { Family } from './family.ts';
import { preActivated } from './residual.ts';

/** Output channels of a bottleneck for each of its 3×3 convolution. */
const EXPANSION = 4;

export const preresnet: Family<'depth' | 'width'> = {
  title: 'Pre-activation bottleneck ResNet (He et al. 2016)',
  parameters: {
    depth: { about: 'layers, 9n + 2', values: { from: 11, step: 9 } },
    width: { about: 'multiplies the channels', default: 1 },
  },
  sizes: { resnet164: { depth: 164 } },
  initialization: 'kaiming-fan-out',
  build(b, images, { depth, width }, classes) {
    const inner = scaled(16, width);
    const stem = plainConv(b, images, { out: inner, kernel: 3 });
    const plan = threeStages(inner * EXPANSION, (depth - 2) / 9);
    const features = stages(b, stem, plan, (x, stride, { out }) =>
      preActivated(b, x, stride, (active) => {
        const reduced = bnRelu(b, plainConv(b, active, { out: out / EXPANSION, kernel: 1 }));
        const mixed = bnRelu(b, plainConv(b, reduced, { out: out / EXPANSION, kernel: 3, stride }));
        return plainConv(b, mixed, { out, kernel: 1 });
      }),
    );
    return classifier(b, bnRelu(b, features), classes);
  },
};
