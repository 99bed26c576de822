/**
 * What a gradient rule sees and gives. Reverse mode: from the gradients of the loss by a node's outputs a rule makes those
 * by its inputs, as nodes of the same graph (vector-Jacobian products).
 */
import type { Node } from '../graph/index.ts';
import { OpContext } from '../ops/index.ts';
import type { GraphWriter } from './graph-writer.ts';
import { Terms } from './terms.ts';

/**
 * `'zero'`: the output does not change with the input where it changes at all smoothly (comparisons, indices, shapes,
 * rounding), so nothing flows back. `'refused'`: it does, but no rule is here; a graph that needs it is refused by name.
 */
export type Gradient = GradientRule | 'zero' | 'refused';

/** The gradient of each input, in their order; undefined for those that need none, or have none. */
export type GradientRule = (g: GradientContext) => readonly (string | undefined)[];

export class GradientContext {
  /** Attributes, known shapes and values of the node, as the other rules of an operator see them. */
  readonly op: OpContext;
  /** Writes what the rule needs. */
  readonly t: Terms;
  readonly node: Node;
  readonly #gradients: readonly (string | undefined)[];
  readonly #needs: ReadonlySet<string>;
  readonly #steep: ReadonlySet<string>;

  /**
   * @param gradients of the outputs; undefined where the loss does not depend on one
   * @param needs the values whose gradient somebody asks for
   * @param steep the values whose gradient may be infinite
   */
  constructor(
    node: Node,
    writer: GraphWriter,
    gradients: readonly (string | undefined)[],
    needs: ReadonlySet<string>,
    steep: ReadonlySet<string> = new Set(),
  ) {
    this.node = node;
    this.op = new OpContext(node, writer.types, writer.values);
    this.t = new Terms(writer, node);
    this.#gradients = gradients;
    this.#needs = needs;
    this.#steep = steep;
  }

  /** Whether input `i` is there and its gradient is asked for. */
  needs(i: number): boolean {
    return this.#needs.has(this.node.inputs[i] ?? '');
  }

  /** Input `i`; '' where it is absent. */
  readonly x = (i: number): string => this.node.inputs[i] ?? '';

  /** Output `i`, the first unless told. */
  readonly y = (i = 0): string => this.node.outputs[i] ?? '';

  /** The gradient by output `i`; undefined where the loss does not depend on it. */
  optionalDy(i: number): string | undefined {
    return this.#gradients[i];
  }

  /** The gradient by the first output; of a node with one output it is there. */
  get dy(): string {
    return this.#gradients[0] ?? this.t.zerosLike(this.y());
  }

  /**
   * `gradient`, made from dy, where the condition holds, else 0. A product with 0 and 1, which takes half the time of
   * Where on CPU, unless dy may be infinite: 0 · ∞ would be NaN where PyTorch, which selects, has 0.
   */
  masked(condition: string, gradient: string): string {
    if (this.node.outputs.some((output) => this.#steep.has(output))) return this.t.where(condition, gradient);
    return this.t.mul(gradient, this.t.mask(condition, gradient));
  }

  /** The gradients of the inputs for which `make` has one and it is asked for. */
  each(...make: readonly ((() => string) | undefined)[]): readonly (string | undefined)[] {
    return make.map((one, i) => (one !== undefined && this.needs(i) ? one() : undefined));
  }
}
