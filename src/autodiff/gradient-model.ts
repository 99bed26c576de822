/** A model's loss and gradients as one more ONNX model, which any engine runs. */
import { listNames, SkeinError } from '../base/index.ts';
import { feedsOf, type Graph, GraphEditor, type Model, type ValueInfo, validateModel } from '../graph/index.ts';
import { FLOAT_TYPES, liftOpset, liftWeights, trainableInitializers } from '../ops/index.ts';
import { differentiate } from './differentiate.ts';
import { GraphWriter, OLDEST_OPSET } from './graph-writer.ts';
import { type Loss, type LossOptions, writeLoss } from './loss.ts';
import { Terms } from './terms.ts';
import { trainingMode } from './training-mode.ts';

export interface GradientModelOptions extends LossOptions {
  readonly loss: Loss;
  /** `train`: batch normalisation by the batch, dropout on. `eval`, unless told: as the model answers. */
  readonly mode?: 'eval' | 'train';
  /**
   * Initializers whose gradients are wanted; all trainable ones that the loss depends on, unless told: floats other than
   * scalars, which mostly belong to formulas, and settings such as running statistics.
   */
  readonly wrt?: readonly string[];
  /** Whether the gradients of the model's inputs are wanted, too. */
  readonly inputs?: boolean;
  /** Of dropout; 0 unless told. */
  readonly seed?: number;
}

export const LABELS_INPUT = 'labels';
export const LOSS_OUTPUT = 'loss';

/** The output with the gradient by a value. */
export function gradientOutput(value: string): string {
  return `grad.${value}`;
}

/** The output with what a running statistic becomes in training mode. */
export function updatedOutput(initializer: string): string {
  return `updated.${initializer}`;
}

/**
 * The model with its labels as one more input, and as outputs: `loss`, the mean over the batch; the model's own;
 * `grad.<initializer>` for each parameter; with `inputs`, `grad.<input>`; in mode `train`, `updated.<initializer>` for the
 * running statistics. The model is lifted to an operator set that gradients can be written in, and weights in Constant nodes
 * are made initializers first. Labels: int64 [N] from 0 for cross-entropy,
 * else as the first output; with others the engine fails.
 * @throws SkeinError 'unsupported' naming what cannot be differentiated, 'invalid-argument' where `wrt` or names do not fit
 */
export function gradientModel(given: Model, options: GradientModelOptions): Model {
  validateModel(given);
  const model = liftWeights(liftOpset(given, OLDEST_OPSET));
  const { writer, rules, running } =
    options.mode === 'train'
      ? trainingMode(model, { seed: options.seed ?? 0 })
      : { writer: new GraphWriter(model), rules: new Map(), running: new Map<string, string>() };
  const scores = model.graph.outputs[0]?.name ?? '';
  const t = new Terms(writer, { name: LOSS_OUTPUT, opType: options.loss, outputs: [LOSS_OUTPUT] });
  const labels = writeLabels(t, options.loss, scores);
  const loss = writer.scope(LOSS_OUTPUT, () => writeLoss(t, options.loss, scores, labels, options));
  const wanted = valuesOf(model, options);
  const gradients = differentiate(writer, { seeds: new Map([[loss, t.scalar(1, loss)]]), wrt: wanted, rules });
  requirePaths(options, wanted, gradients);
  const outputs = new Map<string, string>([[LOSS_OUTPUT, loss]]);
  for (const { name } of model.graph.outputs) {
    // As the loop below does for what is not one of the model's outputs.
    if (outputs.has(name)) writer.claim(name);
    outputs.set(name, name);
  }
  for (const [value, gradient] of gradients) outputs.set(gradientOutput(value), gradient);
  for (const [initializer, value] of running) outputs.set(updatedOutput(initializer), value);
  for (const [name, value] of outputs) if (name !== value) writer.claim(name);
  const editor = new GraphEditor(writer.build(outputs).graph);
  editor.removeUnused();
  return { ...model, graph: editor.build() };
}

function writeLabels(t: Terms, loss: Loss, scores: string): string {
  if (loss === 'cross-entropy') return t.writer.input(LABELS_INPUT, 'int64', [t.dims(scores)[0]]);
  return t.writer.input(LABELS_INPUT, t.dtype(scores), t.dims(scores));
}

function valuesOf({ graph }: Model, options: GradientModelOptions): string[] {
  const isFloat = (name: string): boolean => FLOAT_TYPES.has(graph.initializers.get(name)?.dtype);
  for (const name of options.wrt ?? []) {
    if (isFloat(name)) continue;
    const tensor = graph.initializers.get(name);
    const what = tensor === undefined ? 'the model has no initializer of that name' : `its type is ${tensor.dtype}`;
    throw new SkeinError('invalid-argument', `Cannot differentiate by '${name}': ${what}`);
  }
  const inputs = feedsOf(graph).filter(({ type }: ValueInfo) => FLOAT_TYPES.has(type?.dtype));
  const parameters = options.wrt ?? trainableInitializers(graph);
  const wanted = [...parameters.filter(isFloat), ...(options.inputs ? inputs.map(({ name }) => name) : [])];
  if (wanted.length > 0) return wanted;
  if (parameters.length === 0) throw withoutParameters(graph, isFloat);
  throw new SkeinError(
    'invalid-argument',
    `Cannot differentiate the model: none of its ${parameters.length} weights is of floats; take the model from before it was quantised`,
  );
}

function withoutParameters({ initializers }: Graph, isFloat: (name: string) => boolean): SkeinError {
  const floats = [...initializers.keys()].filter(isFloat);
  const rest = floats.length === 0 ? '' : `; name what is wanted of its scalars and settings: ${listNames(floats)}`;
  return new SkeinError('invalid-argument', `Cannot differentiate the model: it has no trainable initializer${rest}`);
}

function requirePaths(
  { wrt }: GradientModelOptions,
  wanted: readonly string[],
  gradients: ReadonlyMap<string, string>,
): void {
  const lost = wanted.find((name) => !gradients.has(name));
  if (gradients.size > 0 && (lost === undefined || wrt === undefined)) return;
  throw new SkeinError(
    'invalid-argument',
    wrt === undefined
      ? `Cannot differentiate the model: no gradient comes from the loss to any of its parameters (${listNames(wanted)})`
      : `Cannot differentiate by '${lost}': no gradient comes from the loss to it`,
  );
}
