/**
 * A model as it computes while it is trained: batch normalisation with the statistics of the batch (Ioffe and Szegedy
 * 2015), dropout switched on. Batch normalisation is written out rather than left to its training mode, which on CPU
 * does not tell the statistics that the gradient needs, and which CUDA does not have.
 */
import { SkeinError, seedOf } from '../base/index.ts';
import { describeNode, int, type Model, makeNode, type Node, Tensor } from '../graph/index.ts';
import { OpContext, productOf } from '../ops/index.ts';
import { formatShape } from '../tensor/index.ts';
import { dropoutMask } from './dropout-mask.ts';
import type { GradientRule } from './gradient-rule.ts';
import { GraphWriter } from './graph-writer.ts';
import { batchNormByBatch, batchStatistics } from './rules/batch-normalization.ts';
import { Terms } from './terms.ts';

export interface TrainingMode {
  readonly writer: GraphWriter;
  /** Of the nodes whose gradient is not that of their operator. */
  readonly rules: ReadonlyMap<Node, GradientRule>;
  /** The updated running statistics, by the initializer that holds the old ones. */
  readonly running: ReadonlyMap<string, string>;
  /** The batch from which on each batch normalisation has more than one value per channel, as far as that is known. */
  readonly leastBatch: number;
}

export interface TrainingModeOptions {
  /** Of dropout; 0 unless told. */
  readonly seed?: number;
  /** Batch normalisation whose running statistics are so goes on normalising by them; none unless told. */
  readonly frozen?: (name: string) => boolean;
  /**
   * A new float32 [] input of this name, where the model has dropout: what is dropped follows from it and the seed alone.
   * Without it ONNX Runtime's generator decides, which goes on from run to run.
   */
  readonly stepInput?: string;
}

/**
 * Writes the model's nodes as they are in training. Where batch normalisation gets one value per channel, the engine fails
 * when it runs, naming the node: the variance of one value says nothing (PyTorch refuses it, too).
 * @throws SkeinError 'unsupported' naming a node that cannot be trained
 */
export function trainingMode(model: Model, options: TrainingModeOptions = {}): TrainingMode {
  const { seed = 0, frozen = () => false, stepInput } = options;
  const writer = new GraphWriter({ ...model, graph: { ...model.graph, nodes: [] } });
  const rules = new Map<Node, GradientRule>();
  const running = new Map<string, string>();
  let step: string | undefined;
  let leastBatch = 1;
  for (const [i, node] of model.graph.nodes.entries()) {
    const opType = node.domain === '' ? node.opType : '';
    if (opType === 'BatchNormalization' && !node.inputs.slice(3, 5).some(frozen)) {
      leastBatch = Math.max(leastBatch, writeBatchNorm(writer, node, rules, running));
    } else if (opType === 'Dropout' && stepInput !== undefined) {
      step ??= writer.input(stepInput, 'float32', []);
      writeDropout(writer, node, step, seedOf(seed, i));
    } else if (opType === 'Dropout') writer.append(activeDropout(writer, node, seedOf(seed, i)));
    else writer.append(node);
  }
  return { writer, rules, running, leastBatch };
}

/** @returns the smallest batch that it can have */
function writeBatchNorm(
  writer: GraphWriter,
  node: Node,
  rules: Map<Node, GradientRule>,
  running: Map<string, string>,
): number {
  const op = new OpContext(node, writer.types, writer.values);
  if (op.int('training_mode', 0) !== 0) {
    throw new SkeinError('unsupported', `Cannot train ${describeNode(node)}: export the model in inference mode`);
  }
  const t = new Terms(writer, node);
  const [x = '', gamma = '', beta = '', oldMean = '', oldVariance = ''] = node.inputs;
  const [batch, , ...map] = t.dims(x);
  const perImage = productOf(map);
  const few = `${describeNode(node)} needs more than 1 value per channel in training`;
  if (batch === 1 && perImage === 1) {
    throw new SkeinError('unsupported', `Cannot train the model: ${few}, its input is ${formatShape(t.dims(x))}`);
  }
  writer.scope(node.name || 'BatchNormalization', () => {
    const { mean, variance, count } = batchStatistics(t, x);
    const normalised: Node = { ...node, inputs: [x, gamma, beta, mean, variance] };
    writer.append(normalised);
    rules.set(normalised, batchNormByBatch);
    const momentum = op.float('momentum', 0.9);
    // A layer that is used twice updates its statistics twice, one after the other.
    const update = (old: string, now: string) => {
      const before = running.get(old) ?? old;
      running.set(old, t.add(t.scale(before, momentum), t.scale(now, 1 - momentum)));
    };
    update(oldMean, mean);
    // As PyTorch does it: the running variance is the unbiased estimate, n/(n − 1) of what normalises the batch.
    const others = t.sub(count, t.scalar(1, count));
    const isMany = typeof perImage === 'number' && perImage > 1;
    const checked = isMany ? others : writer.scope(few, () => positive(t, others));
    update(oldVariance, t.div(t.mul(variance, count), checked));
  });
  return perImage === 1 ? 2 : 1;
}

/** A scalar as it is; the engine fails at one that is not above 0. */
function positive(t: Terms, value: string): string {
  const index = t.cast(t.op('LessOrEqual', [value, t.scalar(0, value)]), 'int64');
  return t.op('Gather', [t.reshape(value, [1]), index], { axis: 0 });
}

/** Dropout by a mask that follows from the step: x · mask / (1 − ratio). */
function writeDropout(writer: GraphWriter, node: Node, step: string, seed: number): void {
  const t = new Terms(writer, node);
  const [x = '', given = ''] = node.inputs;
  const [output = '', maskOutput = ''] = node.outputs;
  writer.scope(node.name || 'Dropout', () => {
    const ratio = given === '' ? writer.constant(Tensor.scalar('float32', 0.5)) : t.cast(given, 'float32');
    const stays = dropoutMask(t, x, ratio, t.cast(step, 'int64'), seed);
    // Where everything is dropped, 0 rather than 0/0.
    const share = t.op('Max', [t.sub(t.scalar(1, ratio), ratio), t.scalar(1e-30, ratio)]);
    const factor = t.cast(t.div(t.cast(stays, 'float32'), share), t.dtype(x));
    writer.append(makeNode({ name: node.name, opType: 'Mul', inputs: [x, factor], outputs: [output] }));
    if (maskOutput !== '') {
      writer.append(makeNode({ opType: 'Identity', inputs: [stays], outputs: [maskOutput] }));
    }
  });
}

/** Dropout that drops, its mask an output, which the gradient needs. */
function activeDropout(writer: GraphWriter, node: Node, seed: number): Node {
  const ratio = node.inputs[1] || writer.constant(Tensor.scalar('float32', 0.5));
  const on = writer.constant(Tensor.of('bool', [], [1]));
  const output = node.outputs[0] ?? '';
  return makeNode({
    name: node.name,
    opType: 'Dropout',
    inputs: [node.inputs[0] ?? '', ratio, on],
    outputs: [output, node.outputs[1] || `${output}_mask`],
    // A plain number of this name is a float, as the other random operators have it.
    attributes: { seed: int(seed) },
  });
}
