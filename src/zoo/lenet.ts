/** LeNet-5 (LeCun et al. 1998) as it is built today: ReLU, maximum pooling, a linear output; 28×28 is padded to 32×32. */
import { scaled } from './blocks.ts';
import type { Family } from './family.ts';

export const lenet: Family<'width'> = {
  title: 'LeNet-5 (LeCun et al. 1998)',
  parameters: { width: { about: 'multiplies the channels', default: 1 } },
  sizes: { lenet5: {} },
  initialization: 'kaiming-fan-in',
  // Measured: from 0.05 on it answers the same to every image.
  rate: 0.02,
  build(b, images, { width }, classes) {
    const padding = b.sizeOf(images, 2) < 32 || b.sizeOf(images, 3) < 32 ? 2 : 0;
    const half = { kernel: 2, stride: 2 };
    const edges = b.maxPool(b.relu(b.conv(images, { out: scaled(6, width), kernel: 5, padding })), half);
    const parts = b.maxPool(b.relu(b.conv(edges, { out: scaled(16, width), kernel: 5 })), half);
    const first = b.relu(b.linear(b.flatten(parts), { out: scaled(120, width) }));
    const second = b.relu(b.linear(first, { out: scaled(84, width) }));
    return b.linear(second, { out: classes, name: 'linear' });
  },
};
