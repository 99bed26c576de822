/** What is left of each value once channels have been removed, and new constants for the nodes that need other ones. */
import { ints, type Node, Tensor } from '../../graph/index.ts';
import type { OpContext } from '../../ops/index.ts';
import type { ChannelLayout } from './channel-layout.ts';

export interface Narrowing {
  /** The indices along an axis that stay, ascending; undefined where all of them do. */
  readonly kept: (value: string, axis: number) => Int32Array | undefined;
  /** Where the channels of a value were. */
  readonly layoutOf: (value: string) => ChannelLayout;
  /** Which atoms stay. */
  readonly keeps: (atom: number) => boolean;
  readonly constant: (name: string) => Tensor | undefined;
  /** The name of a new initializer. */
  readonly addConstant: (base: string, tensor: Tensor) => string;
  /** Version of the standard operator set. */
  readonly opset: number;
}

/**
 * `node` with other numbers at some places of the list that input `i` holds or, in older operator sets, the attribute
 * `name`. `op` is what the node was.
 */
export function withNumbers(
  op: OpContext,
  node: Node,
  [i, name]: readonly [i: number, name: string],
  changes: ReadonlyMap<number, number>,
  { addConstant }: Pick<Narrowing, 'addConstant'>,
): Node {
  if (changes.size === 0) return node;
  const value = op.value(i);
  if (value === undefined) {
    const numbers = (op.ints(name) ?? []).map((number, k) => changes.get(k) ?? number);
    return { ...node, attributes: new Map(node.attributes).set(name, ints(numbers)) };
  }
  const elements = value.elements.map((element, k) => BigInt(changes.get(k) ?? element ?? 0));
  const inputs = [...node.inputs];
  inputs[i] = addConstant(`${node.outputs[0]}.${name}`, Tensor.of(value.dtype, value.dims, elements));
  return { ...node, inputs };
}
