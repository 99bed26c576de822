/** From a model to the vectors that a step keeps, and back. */
import type { Model } from '../graph/index.ts';
import { packed, unpacked } from './parameter-layout.ts';
import { AVERAGED_PARAMETERS, AVERAGED_STATISTICS, PARAMETERS, STATISTICS, type StepModel } from './step-model.ts';

/** Weights and statistics of the model, averages that begin with them, and zeros for what the optimizer keeps. */
export function initialVectors({ graph }: Model, step: StepModel): Map<string, Float32Array> {
  const parameters = () => packed(graph, step.parameters);
  const statistics = () => packed(graph, step.statistics);
  const known: Readonly<Record<string, () => Float32Array>> = {
    [PARAMETERS]: parameters,
    [AVERAGED_PARAMETERS]: parameters,
    [STATISTICS]: statistics,
    [AVERAGED_STATISTICS]: statistics,
  };
  return new Map(step.state.map(({ name, size }) => [name, known[name]?.() ?? new Float32Array(size)]));
}

/** The model with the weights and statistics of the vectors, the averaged ones where there are such. */
export function trainedModel(
  model: Model,
  { parameters, statistics }: Pick<StepModel, 'parameters' | 'statistics'>,
  vectors: ReadonlyMap<string, Float32Array>,
): Model {
  const weights = vectors.get(AVERAGED_PARAMETERS) ?? vectors.get(PARAMETERS) ?? new Float32Array();
  const running = vectors.get(AVERAGED_STATISTICS) ?? vectors.get(STATISTICS) ?? new Float32Array();
  return { ...model, graph: unpacked(unpacked(model.graph, parameters, weights), statistics, running) };
}
