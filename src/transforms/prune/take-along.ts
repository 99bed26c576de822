/** Part of a tensor: some indices of one or more axes. */
import { SkeinError } from '../../base/index.ts';
import { Tensor } from '../../graph/index.ts';
import { DTYPES, elementCount } from '../../tensor/index.ts';

/**
 * The tensor with only the `kept` indices of each axis named, in that order. The bytes are taken when they are asked for.
 * @throws SkeinError 'unsupported' for types whose elements are no whole bytes
 */
export function takeAlong(tensor: Tensor, kept: ReadonlyMap<number, Int32Array>): Tensor {
  if (kept.size === 0) return tensor;
  const width = DTYPES[tensor.dtype].bytes;
  if (width === undefined) {
    throw new SkeinError(
      'unsupported',
      `Cannot take channels out of a ${tensor.dtype} tensor: its elements are no bytes`,
    );
  }
  const dims = tensor.dims.map((dim, axis) => kept.get(axis)?.length ?? dim);
  let bytes: Uint8Array | undefined;
  return new Tensor(tensor.dtype, dims, () => {
    bytes ??= taken(tensor, dims, kept, width);
    return bytes;
  });
}

function taken(
  tensor: Tensor,
  dims: readonly number[],
  kept: ReadonlyMap<number, Int32Array>,
  width: number,
): Uint8Array {
  const source = tensor.bytes;
  const result = new Uint8Array(elementCount(dims) * width);
  const last = Math.max(...kept.keys());
  // Behind the last axis that is cut, elements lie together.
  const run = width * elementCount(tensor.dims.slice(last + 1));
  let to = 0;
  const walk = (axis: number, from: number): void => {
    if (axis > last) {
      result.set(source.subarray(from * run, (from + 1) * run), to);
      to += run;
      return;
    }
    const size = tensor.dims[axis] ?? 1;
    const indices = kept.get(axis);
    const count = indices?.length ?? size;
    for (let i = 0; i < count; i++) walk(axis + 1, from * size + (indices?.[i] ?? i));
  };
  walk(0, 0);
  return result;
}
