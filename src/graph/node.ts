/** Making nodes from plain JavaScript values. */
import { type Attribute, type AttributeLike, makeAttribute } from './attribute.ts';
import type { Node } from './model.ts';

export interface NodeInit {
  readonly opType: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Undefined ones are left out. */
  readonly attributes?: Readonly<Record<string, AttributeLike | undefined>>;
  readonly name?: string;
  readonly domain?: string;
}

/** A node from plain values: `makeNode({ opType: 'Relu', inputs: ['x'], outputs: ['y'] })`. */
export function makeNode(init: NodeInit): Node {
  const attributes = new Map<string, Attribute>();
  for (const [name, like] of Object.entries(init.attributes ?? {})) {
    if (like !== undefined) attributes.set(name, makeAttribute(name, like));
  }
  return {
    name: init.name ?? '',
    opType: init.opType,
    domain: init.domain ?? '',
    inputs: init.inputs,
    outputs: init.outputs,
    attributes,
  };
}
