/** Several classifiers of the same images as one model: each as it is, beside the others, with one input. */
import { type Model, type Node, renameUses } from '../../graph/index.ts';
import { fold } from '../fold.ts';
import { MergeWriter, partsOf } from './merge-writer.ts';

/**
 * The scores of all models, one behind the other, as 'scores' [batch, how many]; bit for bit what each says for itself.
 * Of the models the first output counts. Weights that several have are there once.
 * @throws SkeinError 'unsupported' where the models do not take the same images or cannot be one otherwise
 */
export function sideBySide(models: readonly Model[]): Model {
  const parts = partsOf(models);
  const writer = new MergeWriter(parts);
  const scores = parts.map(({ model: { graph }, input, output, constants }, i) => {
    const names = new Map([[input.name, writer.input]]);
    const inPart = (name: string): string => `part${i + 1}.${name}`;
    for (const [name, tensor] of constants) names.set(name, writer.constant(inPart(name), tensor));
    for (const node of graph.nodes) {
      for (const name of node.outputs) if (name !== '') names.set(name, writer.freshName(inPart(name)));
      writer.add(renamed(node, names, inPart));
    }
    return names.get(output) ?? output;
  });
  return fold.apply(
    writer.build(scores.length === 1 ? (scores[0] as string) : writer.op('Concat', scores, { axis: 1 })),
  ).model;
}

function renamed(node: Node, names: ReadonlyMap<string, string>, inPart: (name: string) => string): Node {
  const outputs = node.outputs.map((name) => names.get(name) ?? name);
  return { ...renameUses(node, names), name: node.name === '' ? '' : inPart(node.name), outputs };
}
