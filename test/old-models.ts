/** Models of old operator sets, made by hand: the builder writes none, and would ask the rules of ops/. */
import {
  type Attribute,
  float,
  type Graph,
  int,
  ints,
  type Model,
  type Node,
  standardOpset,
  type Tensor,
  type ValueInfo,
} from '../src/graph/index.ts';
import { GraphBuilder, liftOpset } from '../src/ops/index.ts';
import { type Feeds, type Output, runModel } from './run-onnx.ts';

export interface OldGraph {
  readonly inputs: readonly ValueInfo[];
  readonly nodes: readonly Node[];
  readonly outputs: readonly string[];
  readonly initializers?: Readonly<Record<string, Tensor>>;
}

/** The IR version that came with each operator set from 7 on (onnx/helper.py). */
const IR_VERSIONS = [3, 3, 4, 5, 6, 7, 7];

export function oldModel(opset: number, { inputs, nodes, outputs, initializers = {} }: OldGraph): Model {
  const irVersion = IR_VERSIONS[opset - 7] ?? 8;
  const constants = Object.entries(initializers);
  const inputsToo = constants.map(([name, { dtype, dims }]): ValueInfo => ({ name, type: { dtype, dims } }));
  const graph: Graph = {
    name: 'old',
    inputs: irVersion < 4 ? [...inputs, ...inputsToo] : inputs,
    outputs: outputs.map((name) => ({ name, type: undefined })),
    initializers: new Map(constants),
    sparseInitializers: new Map(),
    nodes,
    valueInfos: new Map(),
  };
  return {
    irVersion,
    opsets: new Map([['', opset]]),
    producerName: '',
    producerVersion: '',
    graph,
    functions: [],
    trainingInfos: [],
    metadata: new Map(),
  };
}

/** A model of the builder, its weights included, in the words of operator set 7 to 9. */
export function inOldWords(model: Model, opset: number): Model {
  const { initializers } = model.graph;
  const numbers = (name = ''): number[] => (initializers.get(name)?.elements() ?? []).map(Number);
  const nodes = model.graph.nodes.map((node): Node => {
    const [input = '', second, third] = node.inputs;
    const told = (attributes: Record<string, Attribute>): Node => ({
      ...node,
      inputs: [input],
      attributes: new Map([...node.attributes, ...Object.entries(attributes)]),
    });
    if (node.opType === 'Clip')
      return told({ min: float(numbers(second)[0] ?? 0), max: float(numbers(third)[0] ?? 0) });
    if (node.opType === 'Dropout') return told({ ratio: float(numbers(second)[0] ?? 0.5) });
    if (node.opType === 'Pad') return told({ pads: ints(numbers(second)) });
    return node.opType === 'Softmax' ? told({ axis: int(1) }) : node;
  });
  const used = new Set(nodes.flatMap(({ inputs }) => inputs));
  const { inputs, outputs } = model.graph;
  const kept = Object.fromEntries([...initializers].filter(([name]) => used.has(name)));
  const old = oldModel(opset, { inputs, nodes, outputs: [], initializers: kept });
  return { ...old, graph: { ...old.graph, outputs } };
}

/** Convolutions with batch normalisation, ReLU6, a padding of its own, dropout and a Softmax at the end, on 3×`size`×`size`. */
export function oldFashioned(size: number): Model {
  const b = new GraphBuilder({ seed: 5, opset: 13 });
  let y = b.input('input', 'float32', ['batch', 3, size, size]);
  for (const out of [6, 8]) {
    y = b.pad(y, [0, 0, 1, 1, 0, 0, 1, 1]);
    y = b.relu6(b.batchNorm(b.conv(y, { out, kernel: 3, bias: false })));
  }
  const features = b.dropout(b.flatten(b.globalAveragePool(y)), 0.3);
  b.output('probabilities', b.softmax(b.linear(features, { out: 10 })));
  return b.build();
}

export interface Lifted {
  readonly before: Readonly<Record<string, Output>>;
  readonly after: Readonly<Record<string, Output>>;
}

/** What ONNX Runtime makes of a model and of the lifted one; undefined where it refuses the given one. */
export async function runLifted(model: Model, feeds: Feeds, to = 13): Promise<Lifted | undefined> {
  const before = await runModel(model, feeds).catch(() => undefined);
  if (before === undefined) return undefined;
  const lifted = liftOpset(model, to);
  if (standardOpset(lifted) !== Math.max(standardOpset(model), to)) throw new Error('The model was not lifted');
  return { before, after: await runModel(lifted, feeds) };
}
