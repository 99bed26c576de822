/** A classifier of other scores: each a weighted sum of the ones that it has, written into its last layer. */
import { SkeinError } from '../../base/index.ts';
import { GraphEditor, type Model, type Node, Tensor } from '../../graph/index.ts';
import { infer } from '../../ops/index.ts';
import { elementCount, formatShape } from '../../tensor/index.ts';
import { type ClassifierHead, classifierHead } from './classifier-head.ts';

/** What a Softmax would hide, and what a logit that may be negative must not go through. */
const SQUASHING: ReadonlySet<string> = new Set(['Softmax', 'LogSoftmax']);

/**
 * The model with scores Σ weights[i][c] · score c, as logits: a Softmax at the end goes. With a single score a Relu behind
 * the layer goes, too, since a logit for yes or no has both signs. Sums are taken in the layer: behind one whose maps go
 * through a Relu or a maximum, only a score that is one of the old ones is exact. Other outputs than the first go.
 * @param model one that went through the pass `fold`
 * @param weights a row for each score that the model is to have, a number for each that it has
 * @throws SkeinError 'unsupported' where the model's head is not understood; see `classifierHead`
 */
export function recombineClasses(model: Model, weights: readonly (readonly number[])[]): Model {
  const head = classifierHead(model);
  if (weights.length === 0 || weights.some(({ length }) => length !== head.classes)) {
    throw new SkeinError(
      'invalid-argument',
      `Scores made of others need a weight for each of the ${head.classes} that the model has, received ${weights[0]?.length ?? 'none'}`,
    );
  }
  const editor = new GraphEditor(model.graph);
  const tensorOf = (name: string): Tensor => editor.initializers.get(name) as Tensor;
  editor.setInitializer(head.weight, mixed(tensorOf(head.weight), head.axis, weights));
  for (const bias of head.biases) editor.setInitializer(bias, mixedBias(tensorOf(bias), head.classes, weights));
  const scores = rewriteBehind(editor, head, weights.length, model.graph.outputs[0]?.name ?? '');
  const batch = model.graph.outputs[0]?.type?.dims?.[0] ?? 'batch';
  editor.setOutputs([{ name: scores, type: { dtype: 'float32', dims: [batch, weights.length] } }]);
  editor.removeUnused();
  const made = { ...model, graph: editor.build() };
  const dims = infer(made, { declared: false }).types.get(scores)?.dims;
  if (dims?.length === 2 && dims[1] === weights.length) return made;
  throw new SkeinError(
    'unsupported',
    `Cannot take the classes of '${scores}' apart: they should become [batch, ${weights.length}], but are ${formatShape(dims ?? [])}`,
  );
}

/** Drops what must not be behind logits, and writes sizes anew. @returns the value with the scores */
function rewriteBehind(
  editor: GraphEditor,
  { behind, classes }: ClassifierHead,
  count: number,
  output: string,
): string {
  let scores = output;
  for (const node of behind) {
    const [from = ''] = node.inputs;
    const [to = ''] = node.outputs;
    if (SQUASHING.has(node.opType) || (node.opType === 'Relu' && count === 1)) {
      editor.removeNode(node);
      editor.replaceUses(new Map([[to, from]]));
      if (to === scores) scores = from;
    } else if (node.opType === 'Reshape') resize(editor, node, classes, count);
  }
  return scores;
}

/** A Reshape to [batch, classes] that says the number of classes. */
function resize(editor: GraphEditor, node: Node, classes: number, count: number): void {
  const shape = editor.initializers.get(node.inputs[1] ?? '');
  const sizes = shape?.elements()?.map(Number);
  if (sizes?.[1] !== classes) return;
  const now = editor.addInitializer(`${node.inputs[1]}.scores`, Tensor.int64s(sizes.with(1, count)));
  // What came before it may have changed it already.
  const current = editor.producerOf(node.outputs[0] ?? '') ?? node;
  editor.replaceNode(current, { ...current, inputs: [current.inputs[0] ?? '', now] });
}

/** The tensor with weighted sums along an axis. */
function mixed(tensor: Tensor, axis: number, weights: readonly (readonly number[])[]): Tensor {
  const values = tensor.float32s();
  const classes = tensor.dims[axis] ?? 1;
  const inner = elementCount(tensor.dims.slice(axis + 1));
  const outer = elementCount(tensor.dims.slice(0, axis));
  const result = new Float32Array(outer * weights.length * inner);
  for (let o = 0; o < outer; o++) {
    for (const [row, own] of weights.entries()) {
      for (let i = 0; i < inner; i++) {
        let sum = 0;
        for (const [c, weight] of own.entries()) {
          if (weight !== 0) sum += weight * (values[(o * classes + c) * inner + i] as number);
        }
        result[(o * weights.length + row) * inner + i] = sum;
      }
    }
  }
  return Tensor.float32(tensor.dims.with(axis, weights.length), result);
}

/** One number is added to every class; else an axis is that of the classes. */
function mixedBias(tensor: Tensor, classes: number, weights: readonly (readonly number[])[]): Tensor {
  if (tensor.size === classes) return mixed(tensor, tensor.dims.indexOf(classes), weights);
  const value = tensor.float32s()[0] as number;
  const sums = weights.map((own) => value * own.reduce((sum, weight) => sum + weight, 0));
  return Tensor.float32([weights.length], Float32Array.from(sums));
}
