/**
 * FitNets (Romero et al. 2015), stage 1: the student's layers up to the guided one learn to make of each image what the
 * teacher's hint layer makes of it, by way of a regressor that is thrown away. Their regressor is a convolution without
 * padding, wide enough that sizes agree; here it is one of 1×1, and the larger of both values is averaged or interpolated
 * to the size of the other, which costs less and leaves the edges as they are. Stage 2 is distillation from there.
 */
import { Random, SkeinError } from '../../base/index.ts';
import { GraphEditor, type Model, Tensor } from '../../graph/index.ts';
import { kaimingNormal, liftWeights } from '../../ops/index.ts';
import { withOutputs } from '../meter.ts';
import type { HintPair } from './hint-layers.ts';

export interface GuidedStudent {
  /** The student with the regressor's value as a second output. */
  readonly model: Model;
  /** Of its initializers those behind the guided layer, which stage 1 leaves alone. */
  readonly frozen: (name: string) => boolean;
}

/** @throws SkeinError 'invalid-argument' where no weights come before the guided layer */
export function guidedStudent(given: Model, { hint, guided }: HintPair, seed = 0): GuidedStudent {
  const student = liftWeights(given);
  const editor = new GraphEditor(student.graph);
  const dims = [hint.channels, guided.channels, 1, 1];
  const weights = kaimingNormal(new Random(seed), dims);
  const weight = editor.addInitializer('regressor.weight', Tensor.float32(dims, weights));
  const bias = editor.addInitializer(
    'regressor.bias',
    Tensor.float32([hint.channels], new Float32Array(hint.channels)),
  );
  const regressor = editor.addNode({
    opType: 'Conv',
    name: 'regressor',
    inputs: [guided.value, weight, bias],
    outputs: [editor.freshName('regressor.output')],
  });
  const [output = ''] = regressor.outputs;
  const [scores, ...others] = student.graph.outputs;
  const type = { dtype: 'float32', dims: ['batch', hint.channels, guided.height, guided.width] } as const;
  editor.setOutputs([...(scores === undefined ? [] : [scores]), { name: output, type }, ...others]);
  const model = { ...student, graph: editor.build() };
  const taught = withOutputs(model, [output]).graph.initializers;
  if (taught.size <= 2) {
    throw new SkeinError(
      'invalid-argument',
      `The student has no weights before its value '${guided.value}' to be taught`,
    );
  }
  return { model, frozen: (name) => !taught.has(name) };
}

/** The student without the regressor. */
export function withoutRegressor(guided: Model, { graph }: Model): Model {
  return withOutputs(
    guided,
    graph.outputs.map(({ name }) => name),
  );
}
