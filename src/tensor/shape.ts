/** Shapes of tensors whose every dimension is known. Shapes with unknown dimensions belong to graphs (`graph/`). */
export type Shape = readonly number[];

/** How many elements a tensor of this shape has; 1 for a scalar. */
export function elementCount(shape: Shape): number {
  let count = 1;
  for (const dimension of shape) count *= dimension;
  return count;
}

/** `[3,32,32]`: how shapes stand in messages. */
export function formatShape(shape: readonly (number | string | undefined)[]): string {
  return `[${shape.map((dimension) => dimension ?? '?').join(',')}]`;
}
