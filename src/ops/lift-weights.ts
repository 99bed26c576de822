/**
 * Weights that stand in Constant nodes, made initializers: some exporters write them so, and training, which changes
 * initializers, would take them for literals. Only where learnt numbers go: at convolutions, matrix products, their biases,
 * normalisations and PRelu. Another Constant is a literal of the model's author (the mean of the images, a table).
 */
import { GraphEditor, type Model, type Node } from '../graph/index.ts';
import { LEARNT, MOVES, PRODUCTS } from './learnt-operators.ts';
import { OpContext } from './op-context.ts';
import { knownOpType } from './op-rules.ts';
import { constantOf } from './shape-arithmetic.ts';
import { FLOAT_TYPES } from './trainable-initializers.ts';

/** The model itself where it has none. */
export function liftWeights(model: Model): Model {
  const { graph } = model;
  const weights = placesOfWeights(graph.nodes);
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const editor = new GraphEditor(graph);
  for (const node of graph.nodes) {
    const name = node.outputs[0] ?? '';
    if (knownOpType(node) !== 'Constant' || !weights.has(name) || outputs.has(name)) continue;
    const tensor = constantOf(new OpContext(node, new Map(), new Map()));
    if (tensor === undefined || tensor.dims.length === 0 || !FLOAT_TYPES.has(tensor.dtype)) continue;
    editor.removeNode(node);
    editor.setInitializer(name, tensor);
  }
  return editor.changed ? { ...model, graph: editor.build() } : model;
}

/** The values that come, as they are but for their shape, to where weights go; inputs of the operators among them. */
function placesOfWeights(nodes: readonly Node[]): ReadonlySet<string> {
  const products = new Set(nodes.filter((node) => PRODUCTS.has(knownOpType(node))).map(({ outputs }) => outputs[0]));
  const places = new Set<string>();
  for (const node of nodes.toReversed()) {
    const opType = knownOpType(node);
    const isBias = opType === 'Add' && node.inputs.some((input) => products.has(input));
    if (LEARNT.has(opType) || isBias) for (const input of node.inputs) places.add(input);
    else if (MOVES.has(opType) && places.has(node.outputs[0] ?? '')) places.add(node.inputs[0] ?? '');
  }
  return places;
}
