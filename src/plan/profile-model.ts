/**
 * What each layer of a model costs and how long it takes. ONNX Runtime executes another graph than the file has, even
 * with few optimisations: it folds batch normalisation into convolutions and computes constants beforehand. A node that
 * is not executed itself is said to be within the one that does its work.
 */
import { Random } from '../base/index.ts';
import { feedsOf, type Model, type Node, producersOf } from '../graph/index.ts';
import { readModel } from '../onnx/index.ts';
import { costOf, type NodeCost } from '../ops/index.ts';
import type { Engine, LayerTiming } from '../runtime/index.ts';
import { elementCount } from '../tensor/index.ts';
import { signatureOf } from './source.ts';

export interface LayerProfile {
  readonly name: string;
  readonly opType: string;
  /** Of its first output, undefined where not known. */
  readonly shape: readonly (number | string | undefined)[];
  readonly params: number;
  /** Multiply-accumulates of one image. */
  readonly macs: number;
  /** Mean milliseconds a run; null for a node that is not executed itself. */
  readonly ms: number | null;
  /** The executed node that does the work of one that is not; undefined where the work is done once, on loading. */
  readonly within?: string;
}

export interface ModelProfile {
  readonly batch: number;
  readonly layers: readonly LayerProfile[];
  readonly total: { readonly params: number; readonly macs: number; readonly ms: number };
}

export interface ProfileOptions {
  readonly batch: number;
  /** Runs that the mean is of. */
  readonly runs: number;
  /** [channels, height, width], where the model leaves it open. */
  readonly shape?: readonly number[];
}

/** @throws SkeinError as readModel, signatureOf, costOf and Engine.profile do */
export async function profileModel(engine: Engine, file: string, options: ProfileOptions): Promise<ModelProfile> {
  const model = await readModel(file);
  const input = feedsOf(model.graph)[0];
  const name = input?.name ?? '';
  const fixed = input?.type?.dims?.[0];
  const batch = typeof fixed === 'number' && fixed > 0 ? fixed : options.batch;
  const dims = [batch, ...signatureOf(model, file, options.shape).shape];
  const cost = costOf(model, { batch, inputShapes: { [name]: dims } });
  const random = new Random(1);
  const images = Float32Array.from({ length: elementCount(dims) }, () => random.normal());
  const timings = await engine.profile(
    file,
    (buffers) => {
      const data = buffers.float32(images.length);
      data.set(images);
      return { [name]: { dtype: 'float32', dims, data } };
    },
    options.runs,
    // What has been quantised is no layer by layer without being fused: the rounding around each would be timed instead.
    model.graph.nodes.some(({ opType, domain }) => opType === 'QuantizeLinear' && domain === '') ? 'all' : 'basic',
  );
  const layers = attribute(model, cost.nodes, timings, batch);
  return {
    batch,
    layers,
    total: {
      params: cost.params,
      macs: cost.macs / batch,
      ms: timings.reduce((sum, { ms }) => sum + ms, 0),
    },
  };
}

/** A row for each node of the file, and one for each executed node that stands for none of them. */
export function attribute(
  model: Model,
  costs: readonly NodeCost[],
  timings: readonly LayerTiming[],
  batch: number,
): LayerProfile[] {
  const { nodes } = model.graph;
  const keys = nodes.map((node, index) => (node.name === '' ? `${node.opType}_${index}` : node.name));
  const indexOf = new Map(keys.map((key, index) => [key, index]));
  const msOf = new Map<number, number>();
  const others: LayerTiming[] = [];
  for (const timing of timings) {
    const index = indexOf.get(timing.name) ?? indexOf.get(fusedFrom(timing.name, indexOf));
    if (index === undefined) others.push(timing);
    else msOf.set(index, (msOf.get(index) ?? 0) + timing.ms);
  }
  const producers = producersOf(model.graph);
  const position = new Map<Node, number>(nodes.map((node, index) => [node, index]));
  // Remembered for every node on the way: a chain of thousands that are not executed is walked once.
  const within = new Map<Node, string | undefined>();
  const withinOf = (node: Node): string | undefined => {
    const walked: Node[] = [];
    let found: string | undefined;
    for (let at: Node | undefined = node; at !== undefined; at = producers.get(at.inputs[0] ?? '')) {
      const index = position.get(at) as number;
      if (at !== node && msOf.has(index)) found = keys[index];
      else if (within.has(at)) found = within.get(at);
      else {
        walked.push(at);
        continue;
      }
      break;
    }
    for (const each of walked) within.set(each, found);
    return found;
  };
  const rows = nodes.map((node, index): LayerProfile => {
    const cost = costs[index];
    const ms = msOf.get(index) ?? null;
    const doneBy = ms === null ? withinOf(node) : undefined;
    return {
      name: keys[index] as string,
      opType: node.opType,
      shape: cost?.shape ?? [],
      params: cost?.params ?? 0,
      macs: (cost?.macs ?? 0) / batch,
      ms,
      ...(doneBy !== undefined && { within: doneBy }),
    };
  });
  return [...rows, ...others.map(({ name, opType, ms }) => ({ name, opType, shape: [], params: 0, macs: 0, ms }))];
}

/** ONNX Runtime names a fused node after one that it replaces, with a suffix: the longest known beginning. */
function fusedFrom(name: string, known: ReadonlyMap<string, number>): string {
  for (let end = name.length - 1; end > 0; end--) {
    const candidate = name.slice(0, end);
    if (known.has(candidate)) return candidate;
  }
  return '';
}
