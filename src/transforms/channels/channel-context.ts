/** What a channel rule sees of a node: its attributes and shapes, and the channels of its inputs. */
import { describeNode, type Node } from '../../graph/index.ts';
import { type Dims, type Inference, type KnownValue, OpContext } from '../../ops/index.ts';
import type { ChannelLabels } from './channel-labels.ts';
import type { ChannelBlock, ChannelLayout, ChannelRole } from './channel-layout.ts';

/** What all nodes of a graph have around them. */
export interface Surroundings {
  readonly labels: ChannelLabels;
  readonly inference: Inference;
  readonly readers: ReadonlyMap<string, readonly Node[]>;
  /** What the graph gives out. */
  readonly outputs: ReadonlySet<string>;
}

export class ChannelContext {
  readonly op: OpContext;
  readonly #labels: ChannelLabels;
  readonly #around: Surroundings;
  /** Axes that the rule has dealt with, by input; 'all' for whole layouts. */
  readonly #handled = new Map<number, Set<number> | 'all'>();

  constructor(node: Node, around: Surroundings) {
    this.op = new OpContext(node, around.inference.types, around.inference.values);
    this.#labels = around.labels;
    this.#around = around;
  }

  get node(): Node {
    return this.op.node;
  }

  dims(i: number): Dims | undefined {
    return this.op.dims(i);
  }

  dimsOf(value: string): Dims | undefined {
    return this.#around.inference.types.get(value)?.dims;
  }

  valueOf(value: string): KnownValue | undefined {
    return this.#around.inference.values.get(value);
  }

  /** The nodes that use output `o`. */
  readers(o: number): readonly Node[] {
    return this.#around.readers.get(this.node.outputs[o] ?? '') ?? [];
  }

  /** Whether the graph gives out output `o`. */
  isGraphOutput(o: number): boolean {
    return this.#around.outputs.has(this.node.outputs[o] ?? '');
  }

  name(i: number): string {
    return this.node.inputs[i] ?? '';
  }

  isConstant(i: number): boolean {
    return this.#labels.isConstant(this.name(i));
  }

  /** The elements of a constant input, however large; undefined if it is none. */
  constant(i: number): number[] | undefined {
    return this.#labels.constant(this.name(i))?.elements()?.map(Number);
  }

  /** The atoms along an axis of input `i`; undefined if it is not followed. */
  atoms(i: number, axis: number): Int32Array | undefined {
    const handled = this.#handled.get(i) ?? new Set<number>();
    if (handled !== 'all') this.#handled.set(i, handled.add(axis));
    return this.#labels.atomsOf(this.name(i), axis);
  }

  /**
   * The blocks of input `i`, an initializer's all axes. Those of several axes are fixed and left out, which only rules of
   * movement understand: see `rawLayout`.
   */
  layout(i: number): ChannelLayout {
    if (this.isConstant(i)) for (const axis of (this.dims(i) ?? []).keys()) this.atoms(i, axis);
    const single: ChannelBlock[] = [];
    for (const block of this.rawLayout(i)) {
      if (block.axes === 1) single.push(block);
      else this.fix(block.atoms);
    }
    return single;
  }

  /** What is known of input `i` so far; nothing is taken as dealt with. */
  layoutAt(i: number): ChannelLayout {
    return this.#labels.layoutOf(this.name(i));
  }

  rawLayout(i: number): ChannelLayout {
    this.#handled.set(i, 'all');
    return this.#labels.layoutOf(this.name(i));
  }

  setOutput(o: number, layout: ChannelLayout): void {
    const name = this.node.outputs[o] ?? '';
    if (name !== '') this.#labels.setLayout(name, layout);
  }

  /** Puts the atoms of both in the same classes; where one side is not followed, the other is fixed. */
  unify(a: Int32Array | undefined, b: Int32Array | undefined, reason?: string): void {
    if (a !== undefined && b !== undefined && a.length === b.length) {
      for (let i = 0; i < a.length; i++) this.unite(a[i] ?? 0, b[i] ?? 0);
      return;
    }
    for (const atoms of [a, b]) if (atoms !== undefined) this.fix(atoms, reason);
  }

  unite(a: number, b: number): void {
    this.#labels.classes.unite(a, b);
  }

  fresh(count: number): Int32Array {
    return this.#labels.classes.fresh(count);
  }

  fix(atoms: Int32Array, reason = this.notUnderstood): void {
    this.#labels.classes.fix(atoms, reason);
  }

  /** Notes what input `i`, where it is an initializer, does along an axis. */
  role(i: number, axis: number, role: ChannelRole): void {
    this.#labels.setRole(this.name(i), axis, role);
  }

  /** Notes that a weight sums over an axis of input `i`. */
  consume(i: number, axis: number): void {
    this.#labels.consume(this.name(i), axis);
  }

  /** Why input `i` has no channels that could go. */
  reasonOf(i: number): string {
    return this.#labels.reasonOf(this.name(i));
  }

  get notUnderstood(): string {
    return `${describeNode(this.node)} is not understood here`;
  }

  /** Fixes what the rule did not ask for. */
  finish(): void {
    for (const i of this.node.inputs.keys()) {
      const handled = this.#handled.get(i);
      if (handled === 'all') continue;
      const name = this.name(i);
      if (handled === undefined) this.#labels.fix(name, this.notUnderstood);
      else {
        const rank = this.dims(i)?.length ?? 0;
        for (let axis = 0; axis < rank; axis++) {
          if (!handled.has(axis)) this.#labels.fix(name, this.notUnderstood, axis);
        }
      }
    }
  }
}
