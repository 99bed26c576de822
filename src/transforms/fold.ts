/**
 * Folds what is known before the model runs, and leaves out what does nothing. Operator by operator the result computes
 * bit for bit what the model computed (an engine may find more to fuse in it, and round differently there); graph inputs
 * and outputs keep their names.
 *
 * 1. A Constant node becomes an initializer; so does every node whose outputs are small known values (shape arithmetic,
 *    mostly), unless a graph output is among them.
 * 2. Identity, and Dropout in inference mode, give way to their input.
 * 3. Nodes and initializers that no output needs go.
 */
import { GraphEditor, type Model, type Node, type Tensor } from '../graph/index.ts';
import { constantOf, type Inference, infer, isInactiveDropout, OpContext, tensorFromKnown } from '../ops/index.ts';
import type { Pass } from './pass.ts';

export const fold: Pass = {
  name: 'fold',
  apply(model) {
    // What the file says of inner values is not enforced by any engine: fold only what follows from the inputs.
    const inference = infer(model, { declared: false });
    const editor = new GraphEditor(model.graph);
    foldConstants(model, editor, inference);
    bypass(
      editor,
      editor.nodes.filter((node) => doesNothing(node, inference)),
    );
    editor.removeUnused();
    return editor.changed ? { model: { ...model, graph: editor.build() }, changed: true } : { model, changed: false };
  },
};

function foldConstants(model: Model, editor: GraphEditor, inference: Inference): void {
  const outputs = new Set(model.graph.outputs.map(({ name }) => name));
  for (const node of model.graph.nodes) {
    const made = node.outputs.filter((name) => name !== '');
    if (made.some((name) => outputs.has(name))) continue;
    const tensors = made.map((name, i) => constantTensor(node, i, name, inference));
    if (!tensors.every((tensor) => tensor !== undefined)) continue;
    editor.removeNode(node);
    for (const [i, name] of made.entries()) editor.setInitializer(name, tensors[i] as Tensor);
  }
}

function constantTensor(node: Node, output: number, name: string, inference: Inference): Tensor | undefined {
  if (node.opType === 'Constant' && node.domain === '' && output === 0) {
    return constantOf(new OpContext(node, inference.types, inference.values));
  }
  const value = inference.values.get(name);
  // Which bits of the many a NaN has is lost on the way through a number.
  return value === undefined || value.elements.some(Number.isNaN) ? undefined : tensorFromKnown(value);
}

function doesNothing(node: Node, inference: Inference): boolean {
  if (node.domain !== '' || node.inputs[0] === '') return false;
  if (node.opType === 'Identity') return true;
  // The mask of a Dropout is a value of its own.
  if (node.opType !== 'Dropout' || node.outputs.slice(1).some((name) => name !== '')) return false;
  return isInactiveDropout(new OpContext(node, inference.types, inference.values));
}

/**
 * Takes the nodes, in the order of running, out: their users use their inputs. A graph output keeps its name, which then
 * goes to what made the input.
 */
function bypass(editor: GraphEditor, idle: readonly Node[]): void {
  const outputs = new Set(editor.outputs.map(({ name }) => name));
  const newNames = new Map<string, string>();
  // What stands for a value may itself have got the name of an output since.
  const latest = (name: string): string => {
    const next = newNames.get(name) ?? name;
    return newNames.get(next) ?? next;
  };
  for (const node of idle) {
    const [input, output] = [node.inputs[0], node.outputs[0]];
    if (input === undefined || output === undefined) continue;
    const source = latest(input);
    if (outputs.has(output)) {
      const producer = editor.producerOf(source);
      if (producer === undefined || outputs.has(source)) continue;
      const made = producer.outputs.map((name) => (name === source ? output : name));
      editor.removeNode(node);
      editor.replaceNode(producer, { ...producer, outputs: made });
      newNames.set(source, output);
    } else {
      editor.removeNode(node);
      newNames.set(output, source);
    }
  }
  for (const name of newNames.keys()) newNames.set(name, latest(name));
  editor.replaceUses(newNames);
}
