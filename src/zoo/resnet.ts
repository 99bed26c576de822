/** Residual networks for CIFAR (He et al. 2016, Deep Residual Learning, section 4.2): shortcuts without parameters. */
import { classifier, convBn, convBnRelu, scaled, stages, threeStages } from './blocks.ts';
import type { Family } from './family.ts';
import { residual, zeroPadded } from './residual.ts';

export const resnet: Family<'depth' | 'width'> = {
  title: 'ResNet for CIFAR (He et al. 2016)',
  parameters: {
    depth: { about: 'layers, 6n + 2', values: { from: 8, step: 6 } },
    width: { about: 'multiplies the channels', default: 1 },
  },
  sizes: {
    resnet8: { depth: 8 },
    resnet20: { depth: 20 },
    resnet32: { depth: 32 },
    resnet44: { depth: 44 },
    resnet56: { depth: 56 },
    resnet110: { depth: 110 },
  },
  initialization: 'kaiming-fan-out',
  build(b, images, { depth, width }, classes) {
    const out = scaled(16, width);
    const stem = convBnRelu(b, images, { out, kernel: 3 });
    const features = stages(b, stem, threeStages(out, (depth - 2) / 6), (x, stride, stage) => {
      const shape = { out: stage.out, kernel: 3 };
      const branch = (at: string) => convBn(b, convBnRelu(b, at, { ...shape, stride }), shape);
      return residual(b, x, stride, branch, zeroPadded);
    });
    return classifier(b, features, classes);
  },
};
