/**
 * One step of training as one ONNX model: forward, loss, gradients and update. What changes from step to step goes in and
 * comes out as a few vectors; frozen parameters stay initializers, and nothing is computed for them.
 */

import { differentiate, LABELS_INPUT, LOSS_OUTPUT, Terms, trainingMode } from '../autodiff/index.ts';
import { SkeinError } from '../base/index.ts';
import { type Graph, GraphEditor, type Model, validateModel, valueNames } from '../graph/index.ts';
import { checkStepOptions } from './check-step-options.ts';
import { CORRECT_OUTPUT, type ObjectiveOptions, writeObjective } from './objective.ts';
import { type OptimizerOptions, optimizerScalars, optimizerStates, writeUpdate } from './optimizer.ts';
import {
  type ParameterLayout,
  parameterLayout,
  type VectorLayout,
  vectorLayout,
  withVectorInput,
} from './parameter-layout.ts';

export interface StepOptions extends ObjectiveOptions {
  readonly optimizer: OptimizerOptions;
  /**
   * Initializers that stay as they are. Batch normalisation whose running statistics are among them normalises by those,
   * as PyTorch's does in eval mode; one of which only scale and bias are frozen goes on by the batch, and updates them.
   */
  readonly frozen?: (name: string) => boolean;
  /** The gradient of all parameters together is shortened to this length (Pascanu et al. 2013); not unless told. */
  readonly clipNorm?: number;
  /**
   * Keeps a running average of parameters and statistics with this decay; not unless told. At step n the decay is at most
   * (1 + n) / (10 + n), as in TensorFlow's `tf.train.ExponentialMovingAverage` with `num_updates`: the weights that training
   * began with are soon forgotten.
   */
  readonly emaDecay?: number;
  /** Of dropout. */
  readonly seed?: number;
}

/** A vector that a step takes and gives anew. */
export interface StateVector {
  /** The model's input of this name; the output is `next.<name>`. */
  readonly name: string;
  readonly size: number;
}

export interface StepModel {
  readonly model: Model;
  readonly parameters: ParameterLayout;
  /** The running statistics of batch normalisation. */
  readonly statistics: VectorLayout;
  readonly state: readonly StateVector[];
  /** How many classes the scores tell apart: two where there is one score. */
  readonly classes: number;
  /** The smallest batch that batch normalisation can be trained with. */
  readonly leastBatch: number;
  /** The scalar inputs at step `step`, from 1. */
  readonly scalarsAt: (step: number, rate: number) => Readonly<Record<string, number>>;
}

export const PARAMETERS = 'state.parameters';
export const STATISTICS = 'state.statistics';
export const AVERAGED_PARAMETERS = 'state.averagedParameters';
export const AVERAGED_STATISTICS = 'state.averagedStatistics';
export const RATE_INPUT = 'rate';
/** Of running averages. */
export const AVERAGING_INPUT = 'averagingDecay';
/** What dropout follows from, of models that have it. */
export const STEP_INPUT = 'step';

export const nextOf = (state: string): string => `next.${state}`;

/**
 * The step of a classifier. Inputs: the model's; `labels` int64 [N]; `rate`, the optimizer's scalars, with averages
 * `averagingDecay` and with dropout `step`, float32 []; the state. Outputs: `loss` [], `correct` [], and each state vector's next value.
 * @throws SkeinError 'unsupported' naming what cannot be trained, 'invalid-argument' for options outside their range
 */
export function buildStepModel(model: Model, options: StepOptions): StepModel {
  checkStepOptions(options);
  validateModel(model);
  refuseNames(model.graph);
  const { frozen } = options;
  const all = parameterLayout(model.graph, frozen);
  const tried = writeGradients(model, options, all);
  if (tried.gradients.size === 0)
    throw new SkeinError('invalid-argument', 'Cannot train the model: the loss depends on no parameter');
  // As PyTorch skips parameters whose gradient is None: no decay, no moments, no average.
  const isLost = (name: string): boolean => !tried.gradients.has(name);
  const someLost = all.slots.some(({ name }) => isLost(name));
  const parameters = someLost ? parameterLayout(model.graph, (name) => isLost(name) || frozen?.(name) === true) : all;
  const { t, objective, statistics, gradients, running, leastBatch } = someLost
    ? writeGradients(model, options, parameters)
    : tried;
  const { writer } = t;
  const { loss, correct, classes } = objective;
  const next = writer.scope('update', () => writeNext(t, { options, parameters, statistics, gradients, running }));
  const results = new Map([
    [LOSS_OUTPUT, loss],
    [CORRECT_OUTPUT, correct],
    ...[...next].map(([name, value]) => [nextOf(name), value] as const),
  ]);
  for (const name of results.keys()) writer.claim(name);
  const { graph: whole, opsets } = writer.build(results);
  const editor = new GraphEditor(whole);
  editor.removeUnused();
  const ofStatistics = [STATISTICS, AVERAGED_STATISTICS];
  const size = (name: string): number => (ofStatistics.includes(name) ? statistics.size : parameters.size);
  const graph = editor.build();
  const hasStep = graph.inputs.some(({ name }) => name === STEP_INPUT);
  return {
    model: { ...model, opsets, graph },
    parameters,
    statistics,
    state: [...next.keys()].map((name) => ({ name, size: size(name) })),
    classes,
    leastBatch,
    scalarsAt: (step, rate) => ({
      [RATE_INPUT]: rate,
      ...optimizerScalars(options.optimizer, step),
      ...(hasStep ? { [STEP_INPUT]: step } : {}),
      ...averagingDecay(options, step),
    }),
  };
}

/** The step up to the gradients of the parameters, without those that the loss does not reach. */
function writeGradients(model: Model, options: StepOptions, parameters: ParameterLayout) {
  const vectors = withVectorInput(model, PARAMETERS, parameters);
  const { statistics, unpacked } = withStatistics(vectors, options);
  const { seed = 0, frozen } = options;
  const { writer, rules, running, leastBatch } = trainingMode(unpacked, {
    seed,
    stepInput: STEP_INPUT,
    ...(frozen === undefined ? {} : { frozen }),
  });
  const t = new Terms(writer, { name: LOSS_OUTPUT, opType: options.loss, outputs: [LOSS_OUTPUT] });
  const outputs = model.graph.outputs.map(({ name }) => name);
  const labels = writer.input(LABELS_INPUT, 'int64', [t.dims(outputs[0] ?? '')[0]]);
  const objective = writeObjective(t, outputs, labels, options);
  const names = parameters.slots.map(({ name }) => name);
  const seeds = new Map([[objective.loss, t.scalar(1, objective.loss)]]);
  const gradients = differentiate(writer, { seeds, wrt: names, rules });
  return { t, objective, statistics, gradients, running, leastBatch };
}

/** Names of what every step has; the others are claimed as they are written. */
function refuseNames(graph: Graph): void {
  const taken = [...valueNames(graph)].find((name) => name === STEP_INPUT || name.startsWith('state.'));
  if (taken === undefined) return;
  throw new SkeinError('invalid-argument', `The graph has a value '${taken}' already: rename it first`);
}

/** The running statistics that training changes, as a vector input. */
function withStatistics(model: Model, options: StepOptions): { statistics: VectorLayout; unpacked: Model } {
  const names = new Set<string>();
  for (const node of model.graph.nodes) {
    if (node.domain !== '' || node.opType !== 'BatchNormalization') continue;
    for (const name of node.inputs.slice(3, 5)) if (!options.frozen?.(name)) names.add(name);
  }
  const statistics = vectorLayout(
    model.graph,
    [...names].filter((name) => model.graph.initializers.has(name)),
  );
  return { statistics, unpacked: withVectorInput(model, STATISTICS, statistics) };
}

interface Parts {
  readonly options: StepOptions;
  readonly parameters: ParameterLayout;
  readonly statistics: VectorLayout;
  readonly gradients: ReadonlyMap<string, string>;
  readonly running: ReadonlyMap<string, string>;
}

/** The next value of each state vector. */
function writeNext(t: Terms, { options, parameters, statistics, gradients, running }: Parts): Map<string, string> {
  const vector = (name: string, size: number): string => t.writer.input(name, 'float32', [size]);
  const scalar = (name: string): string => t.writer.input(name, 'float32', []);
  const flat = (value: string): string => t.reshape(value, [-1]);
  const joined = (values: readonly string[]): string => t.op('Concat', values, { axis: 0 });
  let gradient = joined(parameters.slots.map(({ name }) => flat(gradients.get(name) ?? '')));
  if (options.clipNorm !== undefined) gradient = clipped(t, gradient, options.clipNorm);
  const states = Object.fromEntries(
    optimizerStates(options.optimizer).map((name) => [name, vector(`state.${name}`, parameters.size)]),
  );
  const scalars = Object.fromEntries(
    Object.keys(optimizerScalars(options.optimizer, 1)).map((name) => [name, scalar(name)]),
  );
  const inputs = { parameters: PARAMETERS, gradient, rate: scalar(RATE_INPUT), states, scalars };
  const update = writeUpdate(t, options.optimizer, parameters, inputs);
  const next = new Map([[PARAMETERS, update.parameters]]);
  for (const [name, value] of Object.entries(update.states)) next.set(`state.${name}`, value);
  if (statistics.size > 0)
    next.set(STATISTICS, joined(statistics.slots.map(({ name }) => flat(running.get(name) ?? name))));
  const { emaDecay } = options;
  if (emaDecay === undefined) return next;
  const decay = scalar(AVERAGING_INPUT);
  const rest = t.sub(t.scalar(1, decay), decay);
  const average = (name: string, of: string, size: number): void => {
    const old = vector(name, size);
    next.set(name, t.add(t.mul(old, decay), t.mul(next.get(of) ?? '', rest)));
  };
  average(AVERAGED_PARAMETERS, PARAMETERS, parameters.size);
  if (statistics.size > 0) average(AVERAGED_STATISTICS, STATISTICS, statistics.size);
  return next;
}

function averagingDecay({ emaDecay }: StepOptions, step: number): Readonly<Record<string, number>> {
  return emaDecay === undefined ? {} : { [AVERAGING_INPUT]: Math.min(emaDecay, (1 + step) / (10 + step)) };
}

/** As torch.nn.utils.clip_grad_norm_ does it. */
function clipped(t: Terms, gradient: string, most: number): string {
  const norm = t.op('Sqrt', [t.op('ReduceSumSquare', [gradient], { keepdims: 0 })]);
  const factor = t.div(t.scalar(most, norm), t.add(norm, t.scalar(1e-6, norm)));
  return t.mul(gradient, t.op('Min', [factor, t.scalar(1, norm)]));
}
