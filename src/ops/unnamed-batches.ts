/** Inputs whose first dimension says nothing: neither a size nor a name. */
import { type Dim, feedsOf, type Graph } from '../graph/index.ts';

/**
 * Shapes of the inputs whose batch has neither name nor size, with `batch` in its place: a size, or a name that tells it
 * from other unknown sizes. For the option `inputShapes` of `infer`.
 */
export function unnamedBatches(graph: Graph, batch: number | string): Record<string, readonly Dim[]> {
  const shapes: Record<string, readonly Dim[]> = {};
  for (const { name, type } of feedsOf(graph)) {
    const dims = type?.dims;
    if (dims !== undefined && dims.length > 0 && dims[0] === undefined) shapes[name] = [batch, ...dims.slice(1)];
  }
  return shapes;
}
