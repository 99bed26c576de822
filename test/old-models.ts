/** Models of old operator sets, made by hand: the builder writes none, and would ask the rules of ops/. */
import { type Graph, type Model, type Node, standardOpset, type Tensor, type ValueInfo } from '../src/graph/index.ts';
import { liftOpset } from '../src/ops/index.ts';
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
