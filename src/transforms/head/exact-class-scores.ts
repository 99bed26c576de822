/** What a classifier says of some of its classes against all others: the teacher of those that are made of its parts. */
import { GraphEditor, type Model, Tensor } from '../../graph/index.ts';
import { classifierHead } from './classifier-head.ts';
import { recombineClasses } from './recombine-classes.ts';

/** How far below the first class 'other' is where there are no other classes. */
const NEVER = 30;

/**
 * Logits [other, c₁ … cₘ], with log(Σ exp / n) over the n other classes as 'other': their softmax is the model's
 * probability of each where all others together are seen as often as one of the classes.
 * @param model one that went through the pass `fold`
 * @param classes numbers of the model's scores
 * @throws SkeinError 'unsupported' as `classifierHead` does
 */
export function exactClassScores(model: Model, classes: readonly number[]): Model {
  const count = classifierHead(model).classes;
  const all = [...Array(count).keys()];
  const logits = recombineClasses(
    model,
    all.map((row) => all.map((c) => (c === row ? 1 : 0))),
  );
  const editor = new GraphEditor(logits.graph);
  const [{ name: scores, type } = { name: '', type: undefined }] = logits.graph.outputs;
  const op = (opType: string, inputs: readonly string[], attributes = {}): string =>
    editor.addNode({ opType, inputs, attributes }).outputs[0] ?? '';
  const take = (from: string, indices: readonly number[]): string =>
    op('Gather', [from, editor.addInitializer('classes', Tensor.int64s(indices))], { axis: 1 });
  const constant = (value: number): string => editor.addInitializer('term', Tensor.scalar('float32', value));
  const others = all.filter((c) => !classes.includes(c));
  const logMean = (): string => {
    const rest = take(scores, others);
    // s − log softmax(s) is the log of the sum, the same for each, whatever the size of the scores.
    const logSum = op('Sub', [take(rest, [0]), take(op('LogSoftmax', [rest], { axis: -1 }), [0])]);
    return op('Sub', [logSum, constant(Math.log(others.length))]);
  };
  const other = others.length > 0 ? logMean() : op('Sub', [take(scores, classes.slice(0, 1)), constant(NEVER)]);
  const joined = op('Concat', [other, take(scores, classes)], { axis: 1 });
  const batch = type?.dims?.[0] ?? 'batch';
  editor.setOutputs([{ name: joined, type: { dtype: 'float32', dims: [batch, classes.length + 1] } }]);
  editor.removeUnused();
  return { ...logits, graph: editor.build() };
}
