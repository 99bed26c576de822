/**
 * Which values of teacher and student a hint may be about: those that all of the computation passes through, as the output
 * of a residual block is one and what its branches make is none.
 */
import { didYouMean, SkeinError } from '../../base/index.ts';
import { feedsOf, type Model, usedBy } from '../../graph/index.ts';
import { costOf, type infer, inferShapes } from '../../ops/index.ts';

export interface Layer {
  readonly value: string;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** Of the model's MACs, up to here; 0 to 1. */
  readonly depth: number;
}

export interface HintPair {
  readonly hint: Layer;
  readonly guided: Layer;
}

/** The values of [N, C, h, w] that all goes through, in order; those of one pixel only where there are no others. */
export function layersOf(model: Model): readonly Layer[] {
  const passages = passagesOf(model);
  const all = [...layers(model).values()].filter(({ value }) => passages.has(value));
  const wide = all.filter(({ height, width }) => height * width > 1);
  return wide.length > 0 ? wide : all;
}

/**
 * The values asked for; else the pair nearest to the middle of both models, by MACs, of those that are of one size.
 * @throws SkeinError 'invalid-argument' for a value that is not there or is no [N, C, h, w], or where there is none
 */
export function chooseHint(
  teacher: Model,
  student: Model,
  asked: { readonly hint?: string; readonly guided?: string } = {},
): HintPair {
  const candidates = (model: Model, name: string | undefined, what: string): readonly Layer[] => {
    const found = name === undefined ? layersOf(model) : [layerNamed(model, name, what)];
    if (found.length > 0) return found;
    throw new SkeinError('invalid-argument', `The ${what} has no value [N, C, h, w] that all goes through: name one`);
  };
  const ofStudent = candidates(student, asked.guided, 'student');
  let best: HintPair | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const hint of candidates(teacher, asked.hint, 'teacher')) {
    for (const guided of ofStudent) {
      const sameSize = hint.height === guided.height && hint.width === guided.width;
      const distance = Math.abs(hint.depth - 0.5) + Math.abs(guided.depth - 0.5) + (sameSize ? 0 : 1);
      // Of what follows without any MACs the last: the activation rather than the convolution before it.
      if (distance <= least) [best, least] = [{ hint, guided }, distance];
    }
  }
  return best as HintPair;
}

function layerNamed(model: Model, name: string, what: string): Layer {
  const known = layers(model);
  const layer = known.get(name);
  if (layer !== undefined) return layer;
  throw new SkeinError(
    'invalid-argument',
    `The ${what} has no value '${name}' of floats [N, C, h, w]${didYouMean(name, [...known.keys()])}`,
  );
}

/** What nodes make of [N, C, h, w], of known C, h, w. */
function layers(model: Model): ReadonlyMap<string, Layer> {
  const { graph } = model;
  const types = inferShapes(model);
  const { macs, nodes } = costOf(model);
  const found = new Map<string, Layer>();
  let before = 0;
  for (const [i, node] of graph.nodes.entries()) {
    before += nodes[i]?.macs ?? 0;
    for (const value of node.outputs) {
      const dims = sizesOf(types.get(value));
      if (dims === undefined) continue;
      const [channels, height, width] = dims;
      found.set(value, { value, channels, height, width, depth: macs === 0 ? 1 : before / macs });
    }
  }
  return found;
}

function sizesOf(type: ReturnType<ReturnType<typeof infer>['types']['get']>): [number, number, number] | undefined {
  if (type?.dims?.length !== 4 || type.dtype !== 'float32') return undefined;
  const [, channels, height, width] = type.dims;
  const isKnown = typeof channels === 'number' && typeof height === 'number' && typeof width === 'number';
  return isKnown ? [channels, height, width] : undefined;
}

/** The values that are the only ones of what depends on the input to be used later, where a node has made them. */
function passagesOf({ graph }: Model): ReadonlySet<string> {
  const lastUse = new Map<string, number>();
  for (const [i, node] of graph.nodes.entries()) for (const name of usedBy(node)) lastUse.set(name, i);
  for (const { name } of graph.outputs) lastUse.set(name, graph.nodes.length);
  const live = new Set(feedsOf(graph).map(({ name }) => name));
  const dependent = new Set(live);
  const passages = new Set<string>();
  for (const [i, node] of graph.nodes.entries()) {
    const used = [...usedBy(node)];
    // A shape follows from the input, but says nothing of the image.
    if (node.opType !== 'Shape' && used.some((name) => dependent.has(name))) {
      for (const output of node.outputs) {
        dependent.add(output);
        if ((lastUse.get(output) ?? -1) > i) live.add(output);
      }
    }
    for (const name of used) if (lastUse.get(name) === i) live.delete(name);
    const [only, second] = [...live];
    if (second === undefined && only !== undefined && node.outputs.includes(only)) passages.add(only);
  }
  return passages;
}
