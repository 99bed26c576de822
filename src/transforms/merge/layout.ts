/**
 * Where the channels of each part lie in the value that holds those of all parts, along axis 1. What lies where no part has
 * a channel is finite and means nothing: whoever reads it has a weight of 0 for it.
 */
import { Tensor } from '../../graph/index.ts';
import { elementCount } from '../../tensor/index.ts';

export interface Layout {
  /** Channels of all parts and between them. */
  readonly total: number;
  /** For each part the place of each of its channels. */
  readonly positions: readonly Int32Array[];
}

/** Blocks of one width, that of the widest part: as the groups of a convolution are. */
export function blocks(widths: readonly number[]): Layout {
  const width = Math.max(...widths);
  return {
    total: width * widths.length,
    positions: widths.map((own, part) => Int32Array.from({ length: own }, (_, c) => part * width + c)),
  };
}

/** One part behind the other, nothing between them. */
export function inARow(widths: readonly number[]): Layout {
  let total = 0;
  const positions = widths.map((own) => {
    const start = total;
    total += own;
    return Int32Array.from({ length: own }, (_, c) => start + c);
  });
  return { total, positions };
}

export function sameLayout(a: Layout, b: Layout): boolean {
  if (a.total !== b.total) return false;
  return a.positions.every((own, part) => {
    const others = b.positions[part] as Int32Array;
    return own.length === others.length && own.every((position, c) => position === others[c]);
  });
}

/** Whether each part has its channels in a block of its own, all of one width, as a convolution in groups takes them. */
export function isBlocked({ total, positions }: Layout): boolean {
  const width = total / positions.length;
  return Number.isInteger(width) && positions.every((own, part) => own.every((at) => Math.floor(at / width) === part));
}

/** Each channel made `count` values that lie together, as flattening does. */
export function repeated({ total, positions }: Layout, count: number): Layout {
  return {
    total: total * count,
    positions: positions.map((own) =>
      Int32Array.from(
        { length: own.length * count },
        (_, i) => (own[Math.floor(i / count)] as number) * count + (i % count),
      ),
    ),
  };
}

/** Numbers of each part at the places of its channels along an axis, and `fill` where no part has one. */
export function spread(tensors: readonly Tensor[], axis: number, { total, positions }: Layout, fill = 0): Tensor {
  const [{ dims }] = tensors as readonly [Tensor];
  const made = dims.with(axis, total);
  const run = elementCount(dims.slice(axis + 1));
  const outer = elementCount(dims.slice(0, axis));
  const data = new Float32Array(elementCount(made)).fill(fill);
  for (const [part, tensor] of tensors.entries()) {
    const source = tensor.float32s();
    const own = positions[part] as Int32Array;
    for (let o = 0; o < outer; o++) {
      for (const [c, at] of own.entries()) {
        const from = (o * own.length + c) * run;
        data.set(source.subarray(from, from + run), (o * total + at) * run);
      }
    }
  }
  return Tensor.float32(made, data);
}
