/** Several classifiers of the same images as one model: each as it is, beside the others, with one input. */
import { type Model, type Node, renameUses, type Tensor } from '../../graph/index.ts';
import { fold } from '../fold.ts';
import { type MergedPart, MergeWriter, partsOf } from './merge-writer.ts';

/**
 * The scores of all models, one behind the other, as 'scores' [batch, how many]; bit for bit what each says for itself.
 * Of the models the first output counts. Weights that several have are there once.
 * @throws SkeinError 'unsupported' where the models do not take the same images or cannot be one otherwise
 */
export function sideBySide(models: readonly Model[]): Model {
  const parts = partsOf(models);
  const writer = new MergeWriter(parts);
  return fold.apply(written(parts, writer, (base, tensor) => writer.constant(base, tensor))).model;
}

/** Models beside each other that share no weights, so that they can be trained as one and be taken apart again. */
export interface Separable {
  readonly model: Model;
  /** Initializers of `model` that are a part's. */
  readonly ofParts: ReadonlySet<string>;
  /** The models as they came, each with the weights that are its own in `model` after these were changed. */
  readonly takeApart: (changed: Model) => Model[];
}

/** As {@link sideBySide}, of models whose weights are to be changed. */
export function separable(models: readonly Model[]): Separable {
  const parts = partsOf(models);
  const writer = new MergeWriter(parts);
  const places = parts.map(() => new Map<string, string>());
  const model = written(parts, writer, (base, tensor, part, name) => {
    const place = writer.ownConstant(base, tensor);
    places[part]?.set(name, place);
    return place;
  });
  const takeApart = ({ graph: { initializers } }: Model): Model[] =>
    models.map((part, i) => {
      const own = new Map(part.graph.initializers);
      for (const [name, place] of places[i] ?? []) own.set(name, initializers.get(place) ?? (own.get(name) as Tensor));
      return { ...part, graph: { ...part.graph, initializers: own } };
    });
  return { model, ofParts: new Set(places.flatMap((each) => [...each.values()])), takeApart };
}

type WriteConstant = (base: string, tensor: Tensor, part: number, name: string) => string;

function written(parts: readonly MergedPart[], writer: MergeWriter, writeConstant: WriteConstant): Model {
  const scores = parts.map(({ model: { graph }, input, output, constants }, i) => {
    const names = new Map([[input.name, writer.input]]);
    const inPart = (name: string): string => `part${i + 1}.${name}`;
    for (const [name, tensor] of constants) names.set(name, writeConstant(inPart(name), tensor, i, name));
    for (const node of graph.nodes) {
      for (const name of node.outputs) if (name !== '') names.set(name, writer.freshName(inPart(name)));
      writer.add(renamed(node, names, inPart));
    }
    return names.get(output) ?? output;
  });
  return writer.build(scores.length === 1 ? (scores[0] as string) : writer.op('Concat', scores, { axis: 1 }));
}

function renamed(node: Node, names: ReadonlyMap<string, string>, inPart: (name: string) => string): Node {
  const outputs = node.outputs.map((name) => names.get(name) ?? name);
  return { ...renameUses(node, names), name: node.name === '' ? '' : inPart(node.name), outputs };
}
