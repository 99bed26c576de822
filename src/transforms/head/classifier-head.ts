/**
 * The last layer of a classifier, whose filters are its classes: a linear layer, or a convolution whose maps are averaged.
 * Behind it only what treats every class alike.
 */
import { SkeinError } from '../../base/index.ts';
import {
  constantInitializers,
  consumersOf,
  describeNode,
  getInt,
  type Model,
  type Node,
  producersOf,
  type Tensor,
} from '../../graph/index.ts';

export interface ClassifierHead {
  /** What the last layer reads: [batch, features], or maps [batch, channels, height, width]. */
  readonly features: string;
  readonly classes: number;
  readonly layer: Node;
  /** Name of the initializer with its weights, and the axis along which its classes lie. */
  readonly weight: string;
  readonly axis: number;
  /** Names of initializers that are added to the scores. */
  readonly biases: readonly string[];
  /** The nodes behind the layer, the last first. */
  readonly behind: readonly Node[];
}

/** What moves scores or averages them, class by class. */
const PASSING = new Set([
  ...['Identity', 'Dropout', 'Flatten', 'Reshape', 'Squeeze', 'Relu', 'Softmax', 'LogSoftmax'],
  ...['GlobalAveragePool', 'GlobalMaxPool', 'AveragePool', 'MaxPool', 'ReduceMean'],
]);

/** @throws SkeinError 'unsupported' where the scores come another way */
export function classifierHead(model: Model): ClassifierHead {
  const { graph } = model;
  const constants = constantInitializers(graph, model.irVersion);
  const producers = producersOf(graph);
  const readers = consumersOf(graph);
  const scores = graph.outputs[0]?.name ?? '';
  const biases: string[] = [];
  const behind: Node[] = [];
  let name = scores;
  for (;;) {
    const node = producers.get(name);
    if (node === undefined || node.domain !== '') throw refusal(scores, node && `they come from ${describeNode(node)}`);
    const bias = node.opType === 'Add' ? node.inputs.find((input) => constants.has(input)) : undefined;
    if (bias !== undefined || PASSING.has(node.opType)) {
      behind.push(node);
      if (bias !== undefined) biases.push(bias);
      name = node.inputs.find((input) => input !== bias) ?? '';
      continue;
    }
    const [features = '', weight = '', own = ''] = node.inputs;
    const axis = classAxis(node, constants.get(weight));
    if (axis === undefined) throw refusal(scores, `they come from ${describeNode(node)}`);
    if (own !== '') biases.push(own);
    const classes = constants.get(weight)?.dims[axis] ?? 0;
    for (const each of [weight, ...biases]) {
      const tensor = constants.get(each);
      const uses = readers.get(each)?.length ?? 0;
      if (tensor?.dtype !== 'float32') throw refusal(scores, `'${each}' is no constant of float32`);
      if (uses !== 1) throw refusal(scores, `'${each}' is used ${uses} times`);
      if (each !== weight && tensor.size !== 1 && tensor.size !== classes)
        throw refusal(scores, `'${each}' is added to more than the classes`);
    }
    return { features, classes, layer: node, weight, axis, biases, behind };
  }
}

/** Where the classes of a layer's weights lie; undefined if the node is no such layer. */
function classAxis(node: Node, weight: Tensor | undefined): number | undefined {
  const rank = weight?.dims.length;
  switch (node.opType) {
    case 'Gemm':
      return rank === 2 ? (getInt(node, 'transB', 0) === 1 ? 0 : 1) : undefined;
    case 'MatMul':
      return rank === 2 ? 1 : undefined;
    case 'Conv':
      return rank === 4 && getInt(node, 'group', 1) === 1 ? 0 : undefined;
    default:
      return undefined;
  }
}

function refusal(scores: string, found = 'they come from no layer'): SkeinError {
  return new SkeinError(
    'unsupported',
    `Cannot take the classes of '${scores}' apart: expected scores of a linear layer (Gemm, MatMul) or of a convolution with averaged maps, with float32 weights of its own; ${found}`,
  );
}
