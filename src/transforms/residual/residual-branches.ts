/**
 * The branches of residual blocks, x + f(x), and models without some of them. A network of such blocks is an ensemble of
 * paths of many lengths and bears the loss of single blocks (Veit, Wilber, Belongie 2016, section 4.1); unlike channels they
 * cost in proportion to their time, whatever widths the engine computes with.
 */
import { consumersOf, GraphEditor, type Model, type Node, producersOf, usedBy } from '../../graph/index.ts';
import { type Dims, inferShapes, unnamedBatches } from '../../ops/index.ts';

export interface ResidualBranch {
  /** The Add where the branch comes back, by its output: names the block. */
  readonly output: string;
  /** What goes around the branch: the x of x + f(x). */
  readonly shortcut: string;
  /** The nodes of f, which nothing else uses. */
  readonly nodes: readonly Node[];
  /** f(x). */
  readonly added: string;
}

/**
 * Every residual branch that has weights and whose shortcut is the identity, in the order of the graph. A block may hold others.
 * Branches with a convolution or a Pad in their shortcut are none of these: without them the shape would not change.
 */
export function residualBranches(model: Model): ResidualBranch[] {
  const { graph } = model;
  const producers = producersOf(graph);
  const consumers = consumersOf(graph);
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const shapes = inferShapes(model, { inputShapes: unnamedBatches(graph, 'batch') });
  const branches: ResidualBranch[] = [];
  for (const add of graph.nodes) {
    const [a = '', b = ''] = add.inputs;
    if (add.opType !== 'Add' || add.domain !== '' || a === b) continue;
    for (const [shortcut, added] of [
      [a, b],
      [b, a],
    ] as const) {
      const nodes = between(shortcut, added, producers);
      // Without weights it is no block: a GELU has x + 0.044715·x³ in it.
      if (nodes === undefined || ![...nodes].some(hasWeights)) continue;
      if (!isPrivate(nodes, add, consumers, outputs)) continue;
      const sum = shapes.get(add.outputs[0] ?? '')?.dims;
      if (graph.initializers.has(shortcut) || !sameDims(shapes.get(shortcut)?.dims, sum)) continue;
      branches.push({ output: add.outputs[0] ?? '', shortcut, nodes: [...nodes], added });
      break;
    }
  }
  return branches;
}

function hasWeights({ opType, domain }: Node): boolean {
  return domain === '' && WEIGHTED.has(opType);
}

const WEIGHTED: ReadonlySet<string> = new Set(['Conv', 'ConvTranspose', 'Gemm', 'MatMul']);

/** The nodes that `to` needs, back to `from`; undefined where it does not need that. */
function between(from: string, to: string, producers: ReadonlyMap<string, Node>): Set<Node> | undefined {
  const nodes = new Set<Node>();
  let reached = false;
  const open = [to];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (name === from) {
      reached = true;
      continue;
    }
    const node = producers.get(name);
    if (node === undefined || nodes.has(node)) continue;
    nodes.add(node);
    open.push(...usedBy(node));
  }
  return reached && doesNotReach(nodes, from, producers) ? nodes : undefined;
}

/** Whether none of the nodes lies before `from`: the branch would take in what the shortcut is made of. */
function doesNotReach(nodes: ReadonlySet<Node>, from: string, producers: ReadonlyMap<string, Node>): boolean {
  const maker = producers.get(from);
  return maker === undefined || !nodes.has(maker);
}

function isPrivate(
  nodes: ReadonlySet<Node>,
  add: Node,
  consumers: ReadonlyMap<string, readonly Node[]>,
  outputs: ReadonlySet<string>,
): boolean {
  for (const node of nodes) {
    for (const name of node.outputs) {
      if (outputs.has(name)) return false;
      if (!(consumers.get(name) ?? []).every((user) => user === add || nodes.has(user))) return false;
    }
  }
  return true;
}

function sameDims(a: Dims | undefined, b: Dims | undefined): boolean {
  return (
    a !== undefined &&
    b !== undefined &&
    a.length === b.length &&
    a.every((dim, i) => dim !== undefined && dim === b[i])
  );
}

/**
 * The model with x in place of x + f(x) for these branches, which is what it computes where f gives zeros.
 * @param branches of {@link residualBranches} of this model
 */
export function removeBranches(model: Model, branches: readonly ResidualBranch[]): Model {
  if (branches.length === 0) return model;
  const editor = new GraphEditor(model.graph);
  const instead = new Map(branches.map(({ output, shortcut }) => [output, shortcut]));
  // A shortcut may itself be the sum of a branch that goes.
  const resolve = (name: string): string => {
    const next = instead.get(name);
    return next === undefined ? name : resolve(next);
  };
  const outputs = new Set(model.graph.outputs.map(({ name }) => name));
  for (const { output } of branches) {
    const add = editor.producerOf(output);
    if (add === undefined) continue;
    if (outputs.has(output)) {
      editor.replaceNode(add, { ...add, opType: 'Identity', inputs: [resolve(output)], attributes: new Map() });
    } else {
      editor.replaceUses(new Map([[output, resolve(output)]]));
      editor.removeNode(add);
    }
  }
  dropRepeatedRelus(editor);
  editor.removeUnused();
  return { ...model, graph: editor.build() };
}

/** A block's Relu behind the Relu of the one before it does nothing. */
function dropRepeatedRelus(editor: GraphEditor): void {
  const outputs = new Set(editor.outputs.map(({ name }) => name));
  for (const node of editor.nodes) {
    const [input = ''] = node.inputs;
    const [output = ''] = node.outputs;
    if (!isRelu(node) || outputs.has(output)) continue;
    const before = editor.producerOf(input);
    if (before === undefined || !isRelu(before)) continue;
    editor.replaceUses(new Map([[output, input]]));
    editor.removeNode(node);
  }
}

function isRelu({ opType, domain }: Node): boolean {
  return opType === 'Relu' && domain === '';
}
