/**
 * A model of an older version of the standard operator set as one of a newer: version by version, each node by the changes
 * of its operator (opset-changes.ts). What cannot be said exactly is refused by name; other domains stay as they are.
 */
import { SkeinError } from '../../base/index.ts';
import {
  type Attribute,
  FreshNames,
  type Graph,
  type Model,
  type Node,
  subgraphsOf,
  type ValueInfo,
  validateModel,
  valueNames,
} from '../../graph/index.ts';
import { type Inference, infer } from '../infer-shapes.ts';
import { irVersionFor } from '../ir-version.ts';
import { Lifting, type Versions } from './lifting.ts';
import { changeAt, isCurrent } from './opset-changes.ts';

const OLDEST_OPSET = 7;
const NEWEST_OPSET = 16;

/**
 * Every value that is there keeps its name. The model itself where its version is not older.
 * @param to 13 to 16
 * @throws SkeinError 'unsupported' for a version before 7, and naming the node that `to` cannot say
 */
export function liftOpset(model: Model, to: number): Model {
  if (!Number.isInteger(to) || to < 13 || to > NEWEST_OPSET) {
    throw new SkeinError('invalid-argument', `A model is lifted to operator set 13 to ${NEWEST_OPSET}, received ${to}`);
  }
  // Without the standard operators there is nothing to lift.
  const from = model.opsets.get('') ?? NEWEST_OPSET;
  if (model.opsets.has('') && from >= to) return model;
  validateModel(model);
  checkLiftable(model, from, to);
  const irVersion = Math.max(model.irVersion, irVersionFor(to));
  const opsets = new Map([...model.opsets, ['', to]]);
  const names = new FreshNames(valueNames(model.graph));
  const before = infer({ ...model, graph: { ...model.graph, nodes: [] } }, { declared: false });
  const graph = liftGraph(model.graph, before, { from, to, names });
  return { ...model, irVersion, opsets, graph: model.irVersion < 4 ? withoutDefaults(graph) : graph };
}

function checkLiftable({ functions, trainingInfos }: Model, from: number, to: number): void {
  const refuse = (what: string): never => {
    throw new SkeinError(
      'unsupported',
      `Cannot lift the model from operator set ${from} to ${to}: ${what}; export it anew (opset_version=17)`,
    );
  };
  if (from < OLDEST_OPSET) refuse(`it must use ${OLDEST_OPSET} or newer`);
  if (trainingInfos.length > 0) refuse('it holds training information');
  const old = functions.find(({ opsets }) => (opsets.get('') ?? to) < to);
  if (old !== undefined) refuse(`it defines the function '${old.domain}.${old.name}' by an older one`);
}

/** Before IR version 4 initializers are inputs, too, which nobody can replace; from then on they could. */
function withoutDefaults(graph: Graph): Graph {
  const isDefault = ({ name }: ValueInfo): boolean =>
    graph.initializers.has(name) || graph.sparseInitializers.has(name);
  return { ...graph, inputs: graph.inputs.filter((input) => !isDefault(input)) };
}

/** @param before what is known of the values around, the graph's inputs and its initializers */
function liftGraph(graph: Graph, before: Inference, versions: Versions): Graph {
  const lifting = new Lifting(graph, before, versions);
  const nodes: Node[] = [];
  for (const given of graph.nodes) {
    for (const lifted of liftNode(given, lifting, versions)) {
      const node = subgraphsOf(lifted).length === 0 ? lifted : withLiftedGraphs(lifted, lifting, versions);
      lifting.append(node);
      nodes.push(node);
    }
  }
  const initializers = new Map([...graph.initializers, ...lifting.constants]);
  const made = new Set([...initializers.keys(), ...nodes.flatMap(({ outputs }) => outputs)]);
  const valueInfos = new Map([...graph.valueInfos].filter(([name]) => made.has(name)));
  return { ...graph, nodes, initializers, valueInfos };
}

function liftNode(given: Node, lifting: Lifting, { from, to }: Versions): readonly Node[] {
  if (given.domain !== '') return [given];
  let nodes: readonly Node[] = [given];
  for (let opset = from + 1; opset <= to; opset++) {
    nodes = nodes.flatMap((node) => changeAt(node.opType, opset)?.(node, lifting) ?? node);
  }
  for (const node of nodes) {
    if (!isCurrent(node.opType)) lifting.refuse(node, 'it is no operator there');
  }
  return nodes;
}

/** Branches and bodies see what is around them, and their inputs, of which a body's may change shape from turn to turn. */
function withLiftedGraphs(node: Node, { known }: Lifting, versions: Versions): Node {
  const lift = (graph: Graph): Graph => {
    const inputs = graph.inputs.map(({ name, type }) => ({ name, type: { dtype: type?.dtype, dims: undefined } }));
    const own = infer({ ...graph, inputs, nodes: [] }, { declared: false });
    const types = new Map([...known.types, ...own.types]);
    const values = new Map([...known.values, ...own.values]);
    return liftGraph(graph, { types, values }, versions);
  };
  const lifted = (attribute: Attribute): Attribute => {
    if (attribute.kind === 'graph') return { ...attribute, value: lift(attribute.value) };
    return attribute.kind === 'graphs' ? { ...attribute, value: attribute.value.map(lift) } : attribute;
  };
  return { ...node, attributes: new Map([...node.attributes].map(([name, value]) => [name, lifted(value)])) };
}
