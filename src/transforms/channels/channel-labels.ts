/**
 * The channels of every value of a graph, as they become known node by node. Initializers get theirs when a node asks
 * for an axis of them; all others get them from the node that makes them, or none, with the reason.
 */
import type { Tensor } from '../../graph/index.ts';
import { ChannelClasses } from './channel-classes.ts';
import type { ChannelBlock, ChannelLayout, ChannelRole } from './channel-layout.ts';

export class ChannelLabels {
  readonly classes = new ChannelClasses();
  readonly #constants: ReadonlyMap<string, Tensor>;
  readonly #layouts = new Map<string, ChannelLayout>();
  readonly #reasons = new Map<string, string>();
  readonly #roles = new Map<string, Map<number, ChannelRole>>();
  readonly #consumed = new Map<string, Set<number>>();
  /** Axes of initializers that some node uses as they are. */
  readonly #plain: { name: string; axis: number | undefined; reason: string }[] = [];

  constructor(constants: ReadonlyMap<string, Tensor>) {
    this.#constants = constants;
  }

  get layouts(): ReadonlyMap<string, ChannelLayout> {
    return this.#layouts;
  }

  isConstant(name: string): boolean {
    return this.#constants.has(name);
  }

  constant(name: string): Tensor | undefined {
    return this.#constants.get(name);
  }

  layoutOf(name: string): ChannelLayout {
    return this.#layouts.get(name) ?? [];
  }

  setLayout(name: string, layout: ChannelLayout): void {
    if (layout.length > 0) this.#layouts.set(name, layout);
  }

  /** Says why a value has no channels that could go. */
  setReason(name: string, reason: string): void {
    this.#reasons.set(name, reason);
  }

  reasonOf(name: string): string {
    return this.#reasons.get(name) ?? `'${name}' has no channels that are followed`;
  }

  /** The atoms along one axis of a value; of an initializer they are made now. */
  atomsOf(name: string, axis: number): Int32Array | undefined {
    const known = this.layoutOf(name).find((block) => block.axes === 1 && block.axis === axis);
    if (known !== undefined) return known.atoms;
    const size = this.#constants.get(name)?.dims[axis];
    if (size === undefined) return undefined;
    const atoms = this.classes.fresh(size);
    this.#layouts.set(name, [...this.layoutOf(name), { axis, axes: 1, atoms }]);
    return atoms;
  }

  setRole(name: string, axis: number, role: ChannelRole): void {
    if (!this.#constants.has(name)) return;
    const roles = this.#roles.get(name) ?? new Map<number, ChannelRole>();
    this.#roles.set(name, roles);
    // Weights that several nodes share make channels where one of them does.
    if (!roles.has(axis) || role === 'output') roles.set(axis, role);
  }

  roleOf(name: string, axis: number): ChannelRole | undefined {
    return this.#roles.get(name)?.get(axis);
  }

  /** Notes that a weight sums over this axis of a value. */
  consume(name: string, axis: number): void {
    const axes = this.#consumed.get(name) ?? new Set<number>();
    this.#consumed.set(name, axes.add(axis));
  }

  isConsumed(name: string, axis: number): boolean {
    return this.#consumed.get(name)?.has(axis) ?? false;
  }

  /** Fixes all channels of a value, or those of one axis; of an initializer also those that it is given later. */
  fix(name: string, reason: string, axis?: number): void {
    if (this.#constants.has(name)) this.#plain.push({ name, axis, reason });
    for (const block of this.layoutOf(name)) if (axis === undefined || covers(block, axis)) this.#fix(block, reason);
  }

  /** To be called when all nodes have been seen. */
  finish(): void {
    for (const { name, axis, reason } of this.#plain) {
      for (const block of this.layoutOf(name)) if (axis === undefined || covers(block, axis)) this.#fix(block, reason);
    }
  }

  #fix({ atoms }: ChannelBlock, reason: string): void {
    this.classes.fix(atoms, reason);
  }
}

function covers(block: ChannelBlock, axis: number): boolean {
  return block.axis <= axis && axis < block.axis + block.axes;
}
