/** Residual blocks, with the activation after the sum or before the convolutions, and their shortcuts. */
import type { GraphBuilder } from '../ops/index.ts';
import { bnRelu, convBn, plainConv } from './blocks.ts';

/** What is added to a block's result: its input, made to fit `out` channels at the block's stride. */
export type Shortcut = (b: GraphBuilder, x: string, out: number, stride: number) => string;

/** relu(branch(x) + shortcut(x)) (He et al. 2016, Deep Residual Learning, figure 2). */
export function residual(
  b: GraphBuilder,
  x: string,
  stride: number,
  branch: (x: string) => string,
  shortcut: Shortcut,
): string {
  const result = branch(x);
  return b.relu(b.add(result, shortcut(b, x, b.sizeOf(result, 1), stride)));
}

/**
 * branch(relu(bn(x))) + x; where the shape changes, a convolution of relu(bn(x)) takes the place of x (He et al. 2016,
 * Identity Mappings, and Zagoruyko and Komodakis 2016).
 */
export function preActivated(b: GraphBuilder, x: string, stride: number, branch: (x: string) => string): string {
  const active = bnRelu(b, x);
  const result = branch(active);
  const out = b.sizeOf(result, 1);
  if (fits(b, x, out, stride)) return b.add(result, x);
  return b.add(
    result,
    b.scope('shortcut', () => plainConv(b, active, { out, kernel: 1, stride })),
  );
}

/** Option A: every stride-th pixel, and zeros for the channels that are not there, half before and half after. */
export const zeroPadded: Shortcut = (b, x, out, stride) => {
  if (fits(b, x, out, stride)) return x;
  return b.scope('shortcut', () => {
    const picked = [2, 3].map((axis) => ({ axis, start: 0, step: stride }));
    const missing = out - b.sizeOf(x, 1);
    const before = Math.floor(missing / 2);
    return b.pad(b.slice(x, picked), [0, before, 0, 0, 0, missing - before, 0, 0]);
  });
};

/** Option B: a 1×1 convolution with batch normalisation. */
export const projected: Shortcut = (b, x, out, stride) => {
  if (fits(b, x, out, stride)) return x;
  return b.scope('shortcut', () => convBn(b, x, { out, kernel: 1, stride }));
};

function fits(b: GraphBuilder, x: string, out: number, stride: number): boolean {
  return stride === 1 && b.sizeOf(x, 1) === out;
}
