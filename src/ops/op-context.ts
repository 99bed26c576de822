/** What the rules of ops/ see of a node: its attributes, and what is known of its inputs. */
import { SkeinError } from '../base/index.ts';
import {
  type Dim,
  describeNode,
  getFloat,
  getFloats,
  getInt,
  getInts,
  getString,
  getTensor,
  type Node,
  type Tensor,
  type ValueType,
} from '../graph/index.ts';
import { type DType, formatShape } from '../tensor/index.ts';
import { broadcast, type Dims, unified } from './dims.ts';
import { isConstant, type KnownValue } from './known-value.ts';

export class OpContext {
  readonly node: Node;
  readonly #types: ReadonlyMap<string, ValueType>;
  readonly #values: ReadonlyMap<string, KnownValue>;

  constructor(node: Node, types: ReadonlyMap<string, ValueType>, values: ReadonlyMap<string, KnownValue>) {
    this.node = node;
    this.#types = types;
    this.#values = values;
  }

  /** Whether the optional input `i` is there. */
  has(i: number): boolean {
    return (this.node.inputs[i] ?? '') !== '';
  }

  dims(i: number): Dims | undefined {
    return this.#types.get(this.node.inputs[i] ?? '')?.dims;
  }

  dtype(i: number): DType | undefined {
    return this.#types.get(this.node.inputs[i] ?? '')?.dtype;
  }

  /** The shape of output `i`, for cost rules. */
  outputDims(i: number): Dims | undefined {
    return this.#types.get(this.node.outputs[i] ?? '')?.dims;
  }

  value(i: number): KnownValue | undefined {
    return this.#values.get(this.node.inputs[i] ?? '');
  }

  /** The elements of input `i` if all are known numbers; those beyond ±2^53 are rounded. */
  numbers(i: number): number[] | undefined {
    const value = this.value(i);
    return value !== undefined && isConstant(value) ? value.elements.map(Number) : undefined;
  }

  int(name: string, fallback: number): number {
    return getInt(this.node, name, fallback);
  }

  optionalInt(name: string): number | undefined {
    return getInt(this.node, name);
  }

  ints(name: string): number[] | undefined {
    return getInts(this.node, name);
  }

  float(name: string, fallback: number): number {
    return getFloat(this.node, name, fallback);
  }

  optionalFloat(name: string): number | undefined {
    return getFloat(this.node, name);
  }

  floats(name: string): readonly number[] | undefined {
    return getFloats(this.node, name);
  }

  string(name: string, fallback: string): string {
    return getString(this.node, name, fallback);
  }

  tensor(name: string): Tensor | undefined {
    return getTensor(this.node, name);
  }

  /** @throws SkeinError 'invalid-argument' that names the node */
  fail(what: string): never {
    throw new SkeinError('invalid-argument', `The shapes at ${describeNode(this.node)} contradict: ${what}`);
  }

  /** @throws SkeinError 'invalid-argument' that names the node and its attribute */
  refuseAttribute(name: string, expected: string, received: unknown): never {
    throw new SkeinError(
      'invalid-argument',
      `Cannot use ${describeNode(this.node)}: its attribute ${name} must be ${expected}, received ${received}`,
    );
  }

  /** An axis counted from the front. */
  axisOf(axis: number, rank: number): number {
    if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
      this.fail(`axis ${axis} must lie in a rank of ${rank}`);
    }
    return axis < 0 ? axis + rank : axis;
  }

  /** Two dimensions that must be equal. */
  same(a: Dim, b: Dim, what: string): Dim {
    const dim = unified(a, b);
    return dim === null ? this.fail(`${what} must be equal, received ${a} and ${b}`) : dim;
  }

  /** The shape of the inputs from `first` up to `end`, broadcast against each other. */
  broadcastInputs(first = 0, end = this.node.inputs.length): Dims | undefined {
    const shapes = this.node.inputs.slice(first, end).map((_, i) => this.dims(first + i));
    const dims = broadcast(shapes);
    if (dims !== null) return dims;
    return this.fail(`${shapes.map((shape) => formatShape(shape ?? [])).join(' and ')} do not broadcast`);
  }

  /** Fails unless the rank of input `i`, where known, is at least `least` (and exactly that if `exact`). */
  requireRank(i: number, least: number, exact = false): void {
    const dims = this.dims(i);
    if (dims === undefined || (exact ? dims.length === least : dims.length >= least)) return;
    this.fail(`input ${i} needs ${exact ? '' : 'at least '}${least} dimensions, received ${formatShape(dims)}`);
  }
}
