/** One operator of all parts at once, as the rules of grouping see it. */
import { SkeinError } from '../../base/index.ts';
import { type Attribute, type Dim, describeNode, type Node, type Tensor } from '../../graph/index.ts';
import { OpContext } from '../../ops/index.ts';
import type { Layout } from './layout.ts';
import { type MergedPart, type MergedValue, type MergeWriter, sameContent } from './merge-writer.ts';

/** @throws SkeinError 'unsupported' as `GroupStep.unlike` does; what is written is of no use then */
export type GroupRule = (step: GroupStep) => MergedValue;

export class GroupStep {
  readonly writer: MergeWriter;
  /** Of each part. */
  readonly nodes: readonly Node[];
  readonly ops: readonly OpContext[];
  readonly #parts: readonly MergedPart[];
  /** By their names in the first part. */
  readonly #values: ReadonlyMap<string, MergedValue>;

  constructor(
    writer: MergeWriter,
    parts: readonly MergedPart[],
    nodes: readonly Node[],
    values: ReadonlyMap<string, MergedValue>,
  ) {
    this.writer = writer;
    this.nodes = nodes;
    this.#parts = parts;
    this.#values = values;
    this.ops = nodes.map((node, part) => new OpContext(node, parts[part]?.types ?? new Map(), new Map()));
  }

  /** The node of the first part. */
  get node(): Node {
    return this.nodes[0] as Node;
  }

  /** What names of what is made for this node begin with. */
  get base(): string {
    return `grouped.${this.node.outputs[0] ?? this.node.opType}`;
  }

  /** Input `i`, where it is computed. */
  value(i: number): MergedValue {
    return this.#values.get(this.node.inputs[i] ?? '') ?? this.unlike(`input ${i} is a constant`);
  }

  isComputed(i: number): boolean {
    return this.#values.has(this.node.inputs[i] ?? '');
  }

  /** Input `i` of each part, where it is a constant in all of them. */
  constants(i: number): readonly Tensor[] | undefined {
    const tensors = this.nodes.map(({ inputs }, part) => this.#parts[part]?.constants.get(inputs[i] ?? ''));
    return tensors.every((tensor) => tensor !== undefined) ? tensors : undefined;
  }

  /** As `constants`, of float32. */
  weights(i: number): readonly Tensor[] {
    const tensors = this.constants(i) ?? this.unlike(`input ${i} is not a constant`);
    const other = tensors.find(({ dtype }) => dtype !== 'float32');
    return other === undefined ? tensors : this.unlike(`input ${i} is ${other.dtype}`);
  }

  /** Whether input `i` is absent in all parts, or the same constant in all. */
  isSameConstant(i: number): boolean {
    if (this.nodes.every(({ inputs }) => (inputs[i] ?? '') === '')) return true;
    const [first, ...others] = this.constants(i) ?? [];
    return first !== undefined && others.every((tensor) => sameContent(first, tensor));
  }

  /** The constant `i` that all parts have alike, as the merged model names it; '' where it is absent. */
  sameConstant(i: number): string {
    if (!this.isSameConstant(i)) return this.unlike(`input ${i} is not the same constant in all`);
    const tensor = this.constants(i)?.[0];
    return tensor === undefined ? '' : this.writer.constant(this.node.inputs[i] ?? '', tensor);
  }

  /** The shape of input `i` in each part. @throws where it is not known */
  dims(i: number): readonly (readonly Dim[])[] {
    return this.ops.map((op) => op.dims(i) ?? this.unlike(`the shape of input ${i} is not known`));
  }

  outputDims(): readonly (readonly Dim[])[] {
    return this.ops.map((op) => op.outputDims(0) ?? this.unlike('the shape of its output is not known'));
  }

  /** Channels (axis 1) of input `i` in each part. */
  channels(i: number): number[] {
    return this.dims(i).map(([, size]) =>
      typeof size === 'number' ? size : this.unlike('its channels are not known'),
    );
  }

  hasSameAttributes(): boolean {
    return this.#differentAttribute([]) === undefined;
  }

  /** @throws where attributes differ, but for those named */
  requireSameAttributes(...others: readonly string[]): void {
    const name = this.#differentAttribute(others);
    if (name !== undefined) this.unlike(`'${name}' is another in each`);
  }

  #differentAttribute(others: readonly string[]): string | undefined {
    const names = new Set(this.nodes.flatMap(({ attributes }) => [...attributes.keys()]));
    return [...names].find((name) => {
      const [first, ...rest] = this.nodes.map(({ attributes }) => attributes.get(name));
      return !others.includes(name) && !rest.every((each) => sameAttribute(first, each));
    });
  }

  /** The node of the first part over other inputs, once for all. @returns the value that it makes */
  once(inputs: readonly string[], attributes: Node['attributes'] = this.node.attributes): string {
    const output = this.writer.freshName(this.base);
    this.writer.add({ ...this.node, inputs, outputs: [output], attributes, name: output });
    return output;
  }

  /** The value with its channels where `layout` has them: gathered, unless they are there already. */
  relaid(value: MergedValue, layout: Layout): string {
    return this.writer.relaid(value, layout, this.base);
  }

  /** @throws SkeinError 'unsupported', always: why the parts cannot have this operator together */
  unlike(reason: string): never {
    throw new SkeinError('unsupported', `Cannot group the parts at ${describeNode(this.node)}: ${reason}`);
  }
}

function sameAttribute(a: Attribute | undefined, b: Attribute | undefined): boolean {
  if (a === b) return true;
  if (a?.kind === 'tensor' && b?.kind === 'tensor') return sameContent(a.value, b.value);
  if (a === undefined || b === undefined || a.kind !== b.kind || !('value' in a && 'value' in b)) return false;
  return PLAIN.has(a.kind) && String(a.value) === String(b.value);
}

/** Kinds whose values are told apart by how they are written. */
const PLAIN: ReadonlySet<string> = new Set(['float', 'int', 'string', 'floats', 'ints', 'strings']);
