/** A model of other scores: each a weighted sum of those that it has and a number, as a product of its own or in the last one. */
import { SkeinError } from '../../base/index.ts';
import { consumersOf, GraphEditor, getFloat, getInt, type Model, type Node, Tensor } from '../../graph/index.ts';
import { inferShapes } from '../../ops/index.ts';

/**
 * The first output s [batch, n] replaced by weights · s + bias [batch, weights.length], under its name; others stay. Where a
 * Gemm makes s it takes the sums into its own weights, computed in double precision.
 * @param weights a row for each new score, a number for each old one
 * @throws SkeinError 'invalid-argument' where these do not fit the model
 */
export function linearScores(model: Model, weights: readonly (readonly number[])[], bias: readonly number[]): Model {
  const [output, ...others] = model.graph.outputs;
  const dims = inferShapes(model).get(output?.name ?? '')?.dims;
  const count = dims?.[1];
  if (
    output === undefined ||
    dims?.length !== 2 ||
    weights.some(({ length }) => length !== count) ||
    bias.length !== weights.length
  ) {
    throw new SkeinError(
      'invalid-argument',
      `Scores made of others need a weight for each of the ${count ?? 'unknown'} that the model has and a bias, received ${weights[0]?.length ?? 0} and ${bias.length}`,
    );
  }
  const editor = new GraphEditor(model.graph);
  const last = editor.producerOf(output.name);
  const folded =
    last && consumersOf(model.graph).get(output.name) === undefined
      ? foldedInto(last, editor, weights, bias)
      : undefined;
  const rows = folded ?? {
    weight: Tensor.of('float32', [weights.length, count as number], weights.flat()),
    bias: [...bias],
  };
  const input = folded && last ? (last.inputs[0] ?? '') : editor.freshName(`${output.name}_of_parts`);
  if (last !== undefined) {
    if (folded) editor.removeNode(last);
    else
      editor.replaceNode(last, { ...last, outputs: last.outputs.map((name) => (name === output.name ? input : name)) });
  }
  editor.replaceUses(new Map(folded ? [] : [[output.name, input]]));
  const inputs = [
    input,
    editor.addInitializer(`${output.name}.weight`, rows.weight),
    editor.addInitializer(`${output.name}.bias`, Tensor.of('float32', [weights.length], rows.bias)),
  ];
  editor.addNode({ opType: 'Gemm', name: output.name, inputs, outputs: [output.name], attributes: { transB: 1 } });
  editor.setOutputs([{ name: output.name, type: { dtype: 'float32', dims: [dims[0], weights.length] } }, ...others]);
  editor.removeUnused();
  return { ...model, graph: editor.build() };
}

/** The weights [new, in] and biases of the last product with the sums behind it; undefined where it is none of constants. */
function foldedInto(
  last: Node,
  editor: GraphEditor,
  weights: readonly (readonly number[])[],
  bias: readonly number[],
): { readonly weight: Tensor; readonly bias: number[] } | undefined {
  const constant = (i: number): Tensor | undefined => {
    const tensor = editor.initializers.get(last.inputs[i] ?? '');
    return tensor?.dtype === 'float32' ? tensor : undefined;
  };
  const [matrix, added] = [constant(1), constant(2)];
  const isPlain =
    last.opType === 'Gemm' && last.domain === '' && getInt(last, 'transA', 0) === 0 && getInt(last, 'transB', 0) === 1;
  const isUnscaled = getFloat(last, 'alpha', 1) === 1 && getFloat(last, 'beta', 1) === 1;
  if (!isPlain || !isUnscaled || matrix === undefined) return undefined;
  const [outs = 0, ins = 0] = matrix.dims;
  if ((last.inputs[2] ?? '') !== '' && (added?.dims.length !== 1 || added.size !== outs)) return undefined;
  const [old, offsets] = [matrix.float32s(), added?.float32s()];
  const data = new Float32Array(weights.length * ins);
  const sum = (row: readonly number[], of: (o: number) => number): number =>
    row.reduce((total, factor, o) => (factor === 0 ? total : total + factor * of(o)), 0);
  for (const [r, row] of weights.entries()) {
    for (let i = 0; i < ins; i++) data[r * ins + i] = sum(row, (o) => old[o * ins + i] as number);
  }
  return {
    weight: Tensor.float32([weights.length, ins], data),
    bias: weights.map((row, r) => (bias[r] as number) + sum(row, (o) => offsets?.[o] ?? 0)),
  };
}
