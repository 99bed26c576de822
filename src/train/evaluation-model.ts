/** The model that says how good the weights of a step are: it takes them from where the step keeps them. */
import { GraphWriter, LABELS_INPUT, LOSS_OUTPUT, Terms } from '../autodiff/index.ts';
import { GraphEditor, type Model } from '../graph/index.ts';
import { CORRECT_OUTPUT, writeObjective } from './objective.ts';
import { withVectorInput } from './parameter-layout.ts';
import {
  AVERAGED_PARAMETERS,
  AVERAGED_STATISTICS,
  PARAMETERS,
  STATISTICS,
  type StepModel,
  type StepOptions,
} from './step-model.ts';

/**
 * The model as it answers, with a step's vectors as inputs, and how well it does: outputs `loss` [] and `correct` [].
 * @param averaged whether with the running averages of parameters and statistics
 */
export function buildEvaluationModel(
  model: Model,
  step: StepModel,
  options: Pick<StepOptions, 'loss'>,
  averaged: boolean,
): Model {
  const [parameters, statistics] = averaged ? [AVERAGED_PARAMETERS, AVERAGED_STATISTICS] : [PARAMETERS, STATISTICS];
  const withParameters = withVectorInput(model, parameters, step.parameters);
  const writer = new GraphWriter(withVectorInput(withParameters, statistics, step.statistics));
  const t = new Terms(writer, { name: LOSS_OUTPUT, opType: options.loss, outputs: [LOSS_OUTPUT] });
  const outputs = model.graph.outputs.map(({ name }) => name);
  const labels = writer.input(LABELS_INPUT, 'int64', [t.dims(outputs[0] ?? '')[0]]);
  // The plain loss: weights, smoothing and hooks are of training.
  const { loss, correct } = writeObjective(t, outputs, labels, { loss: options.loss });
  for (const name of [LOSS_OUTPUT, CORRECT_OUTPUT]) writer.claim(name);
  const results = new Map([
    [LOSS_OUTPUT, loss],
    [CORRECT_OUTPUT, correct],
  ]);
  const editor = new GraphEditor(writer.build(results).graph);
  editor.removeUnused();
  return { ...model, graph: editor.build() };
}
