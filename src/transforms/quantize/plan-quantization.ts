/**
 * Decides what of a graph is computed in int8 before anything is known of its values, so that only the ranges of values
 * that need one are observed.
 *
 * 1. A layer with weights is int8 unless it is excluded, and its output too, unless its kernel can give floats and no int8
 *    layer follows.
 * 2. A computing operator (Add, Concat, pooling) is int8 if all its inputs are and an int8 layer follows: a chain stays in
 *    int8 and a last average keeps its digits. Of a product one factor is enough.
 * 3. What only moves elements works on the integers where its input is there as such.
 * 4. Relu and Clip after an int8 layer are done by the rounding of its output, whose range ends where they cut.
 */
import { SkeinError } from '../../base/index.ts';
import type { Model, Node } from '../../graph/index.ts';
import { liftOpset } from '../../ops/index.ts';
import { fold } from '../fold.ts';
import { foldBatchNorm } from '../fold-batch-norm.ts';
import { runPasses } from '../pass.ts';
import { activationsOf, boundsOf, type Int8Layer, int8LayerOf, moves } from './int8-rules.ts';
import { type Surroundings, surroundingsOf } from './surroundings.ts';

/** Whose range a value has, and where Relu and Clip end it. */
export interface RangeSource {
  readonly value: string;
  readonly bounds: readonly [low: number, high: number];
}

export interface QuantizationPlan {
  /** By node; the others stay float. */
  readonly layers: ReadonlyMap<Node, Int8Layer>;
  /** The nodes that work on integers as they would on floats. */
  readonly moving: ReadonlySet<Node>;
  /** Relu and Clip that the rounding before them does. */
  readonly absorbed: ReadonlySet<Node>;
  /** The range of each value that is rounded to integers. */
  readonly ranges: ReadonlyMap<string, RangeSource>;
  /** The layers with weights that could be int8, in order, excluded ones too. */
  readonly candidates: readonly Node[];
  readonly around: Surroundings;
}

export interface PlanOptions {
  /** Names of layers, see `layerName`, that stay float. */
  readonly exclude?: Iterable<string>;
}

/** A layer's name: its node's, or its output's if that has none. */
export function layerName(node: Node): string {
  return node.name || (node.outputs[0] ?? '');
}

/** Scales by channel came with it. */
const OLDEST_OPSET = 13;

/**
 * The model as it is quantised: of an operator set that has scales by channel, constants and batch normalisation folded, so
 * that each convolution has its own. @throws SkeinError 'unsupported' as `liftOpset` does
 */
export function prepareForQuantization(model: Model): Model {
  return runPasses(liftOpset(model, OLDEST_OPSET), [fold, foldBatchNorm]).model;
}

/**
 * @param model as `prepareForQuantization` leaves it
 * @throws SkeinError 'invalid-argument' for a name in `exclude` that no layer has
 */
export function planQuantization(model: Model, options: PlanOptions = {}): QuantizationPlan {
  return new Planner(model, new Set(options.exclude)).plan();
}

class Planner {
  readonly #model: Model;
  readonly #around: Surroundings;
  readonly #exclude: ReadonlySet<string>;
  readonly #kinds: ReadonlyMap<Node, Int8Layer>;
  /** The values that an int8 layer with weights follows on, with nothing but what can be int8 between. */
  readonly #wanted: ReadonlySet<string>;
  readonly #layers = new Map<Node, Int8Layer>();
  readonly #moving = new Set<Node>();
  readonly #absorbed = new Set<Node>();
  readonly #ranges = new Map<string, RangeSource>();
  /** The values that are there as integers, with the layer's output that each is made of alone, if it is. */
  readonly #integers = new Map<string, string | undefined>();

  constructor(model: Model, exclude: ReadonlySet<string>) {
    this.#model = model;
    this.#around = surroundingsOf(model);
    this.#exclude = exclude;
    const { nodes } = model.graph;
    const kinds = nodes.map((node) => [node, int8LayerOf(node, this.#around)] as const);
    this.#kinds = new Map(kinds.filter((kind): kind is [Node, Int8Layer] => kind[1] !== undefined));
    this.#wanted = this.#wantedValues();
  }

  plan(): QuantizationPlan {
    const { nodes } = this.#model.graph;
    const known = new Set(nodes.map(layerName));
    for (const name of this.#exclude) {
      if (!known.has(name)) throw new SkeinError('invalid-argument', `The model has no layer '${name}' to leave out`);
    }
    for (const node of nodes) this.#visit(node);
    return {
      layers: this.#layers,
      moving: this.#moving,
      absorbed: this.#absorbed,
      ranges: this.#ranges,
      candidates: nodes.filter((node) => this.#kinds.get(node)?.kind === 'weighted'),
      around: this.#around,
    };
  }

  #layerOf(node: Node): Int8Layer | undefined {
    return this.#exclude.has(layerName(node)) ? undefined : this.#kinds.get(node);
  }

  #wantedValues(): ReadonlySet<string> {
    const wanted = new Set<string>();
    for (const node of this.#model.graph.nodes.toReversed()) {
      const layer = this.#layerOf(node);
      const leads = layer?.kind === 'weighted' || node.outputs.some((output) => wanted.has(output));
      if (!leads) continue;
      if (layer !== undefined) for (const name of activationsOf(node, layer)) wanted.add(name);
      else if (moves(node, this.#around) || boundsOf(node, this.#around) !== undefined)
        wanted.add(node.inputs[0] ?? '');
    }
    return wanted;
  }

  #visit(node: Node): void {
    const [input = ''] = node.inputs;
    const layer = this.#layerOf(node);
    if (layer !== undefined) this.#visitLayer(node, layer);
    else if (moves(node, this.#around)) {
      if (!this.#integers.has(input)) return;
      this.#moving.add(node);
      for (const output of node.outputs) this.#integers.set(output, this.#aloneIn(node));
    } else this.#absorb(node);
  }

  #visitLayer(node: Node, layer: Int8Layer): void {
    const [output = ''] = node.outputs;
    const inputs = activationsOf(node, layer);
    const isWanted = this.#wanted.has(output);
    const isInteger = (name: string): boolean => this.#integers.has(name);
    // The float factor of a gate (squeeze and excitation) is small, and quickly rounded; the other is a feature map.
    const isThere = node.opType === 'Mul' ? inputs.some(isInteger) : inputs.every(isInteger);
    if (layer.kind === 'computing' && !(isWanted && isThere)) return;
    this.#layers.set(node, layer);
    for (const name of inputs) if (!this.#integers.has(name)) this.#round(name, undefined);
    if (!layer.givesFloat || isWanted) this.#round(output, output);
  }

  #round(value: string, madeBy: string | undefined): void {
    this.#integers.set(value, madeBy);
    this.#ranges.set(value, { value, bounds: [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY] });
  }

  /** The layer's output that nobody but this node, at the end of a chain, sees. */
  #aloneIn(node: Node): string | undefined {
    const [input = ''] = node.inputs;
    return node.outputs.length === 1 && this.#around.usesOf(input) === 1 ? this.#integers.get(input) : undefined;
  }

  /**
   * Relu and Clip cut what the rounding of a layer's output would cut, if its range ends there: also with a pooling or
   * reshaping between, which they change places with. Nobody else may see the value before.
   */
  #absorb(node: Node): void {
    const bounds = boundsOf(node, this.#around);
    const layerOutput = this.#aloneIn(node);
    if (bounds === undefined || layerOutput === undefined) return;
    const [output = ''] = node.outputs;
    const [low, high] = this.#ranges.get(layerOutput)?.bounds ?? bounds;
    this.#ranges.set(layerOutput, {
      value: output,
      bounds: [Math.max(low, bounds[0]), Math.min(high, bounds[1])],
    });
    this.#absorbed.add(node);
    this.#integers.set(output, layerOutput);
  }
}
