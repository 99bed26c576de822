/** What models that become one have in common, and the one graph that they are written into. */
import { SkeinError } from '../../base/index.ts';
import {
  type Dim,
  FreshNames,
  type Model,
  makeNode,
  type Node,
  type NodeInit,
  onlyFeed,
  Tensor,
  type ValueInfo,
  type ValueType,
  validateModel,
  valueNames,
} from '../../graph/index.ts';
import { inferShapes } from '../../ops/index.ts';
import { formatShape } from '../../tensor/index.ts';
import { type Layout, sameLayout } from './layout.ts';

/** One of the models, with what is known of its values. */
export interface MergedPart {
  readonly model: Model;
  readonly input: ValueInfo;
  readonly output: string;
  /** Scores in a row. */
  readonly width: number;
  readonly constants: ReadonlyMap<string, Tensor>;
  readonly types: ReadonlyMap<string, ValueType>;
}

/**
 * @throws SkeinError 'unsupported' where the models cannot be one: other images, operator sets, or no scores of rank 2;
 * 'invalid-argument' for none
 */
export function partsOf(models: readonly Model[]): MergedPart[] {
  const parts = models.map((model, i) => partOf(model, i));
  const [first] = parts;
  if (first === undefined) throw new SkeinError('invalid-argument', 'Cannot merge models: there are none');
  const imageOf = ({ input: { type } }: MergedPart): readonly Dim[] =>
    (type?.dims ?? []).map((dim, axis) => (axis === 0 && typeof dim !== 'number' ? 'batch' : dim));
  for (const [i, part] of parts.entries()) {
    if (formatShape(imageOf(part)) !== formatShape(imageOf(first))) {
      throw refusal(
        i,
        `it must take what the first one takes, ${formatShape(imageOf(first))}, received ${formatShape(imageOf(part))}`,
      );
    }
    for (const [domain, version] of part.model.opsets) {
      const expected = first.model.opsets.get(domain) ?? version;
      if (version === expected) continue;
      throw refusal(
        i,
        `it must have version ${expected} of operator set '${domain}' as the first one, received ${version}`,
      );
    }
  }
  return parts;
}

const refusal = (part: number, what: string): SkeinError =>
  new SkeinError('unsupported', `Cannot merge model ${part + 1} with the others: ${what}`);

function partOf(model: Model, i: number): MergedPart {
  const { graph, functions } = model;
  const input = onlyFeed(graph, `Cannot merge model ${i + 1} with the others`);
  if (functions.length > 0) throw refusal(i, `it must have no functions, received ${functions.length}`);
  if (graph.sparseInitializers.size > 0) {
    throw refusal(i, `its weights must be dense, received ${graph.sparseInitializers.size} sparse ones`);
  }
  const types = inferShapes(model);
  const output = graph.outputs[0]?.name ?? '';
  const { dims, dtype } = types.get(output) ?? {};
  const width = dims?.[1];
  if (input.type?.dtype !== 'float32' || dtype !== 'float32' || dims?.length !== 2 || typeof width !== 'number') {
    throw refusal(
      i,
      `it must take float32 images and give float32 scores [batch, how many], received ${input.type?.dtype} and ${dtype ?? 'an unknown type'} ${formatShape(dims ?? [])}`,
    );
  }
  // Initializers that are inputs, too, keep their default value.
  return { model, input, output, width, constants: graph.initializers, types };
}

/** A value of the merged model. */
export interface MergedValue {
  readonly name: string;
  /** Where the channels of each part lie; undefined where it is one value that all parts have alike. */
  readonly layout: Layout | undefined;
}

/** Constants of the same content are one, but for those that each part keeps for itself. */
export class MergeWriter {
  readonly input: string;
  readonly output: string;
  readonly #parts: readonly MergedPart[];
  readonly #names: FreshNames;
  readonly #nodes: Node[] = [];
  readonly #initializers = new Map<string, Tensor>();
  /** Names of initializers by type and shape. */
  readonly #alike = new Map<string, string[]>();

  constructor(parts: readonly MergedPart[]) {
    this.#parts = parts;
    // Names inside subgraphs, too, since nothing around them may have one of these.
    this.#names = new FreshNames(parts.flatMap(({ model }) => [...valueNames(model.graph)]));
    this.input = parts[0]?.input.name ?? '';
    this.output = this.#names.has('scores') ? this.#names.make('merged_scores') : this.#names.make('scores');
  }

  freshName(base: string): string {
    return this.#names.make(base);
  }

  /** The name of an initializer of this content. */
  constant(base: string, tensor: Tensor): string {
    const kind = `${tensor.dtype} ${tensor.dims.join()}`;
    const alike = this.#alike.get(kind) ?? [];
    const there = alike.find((name) => sameContent(this.#initializers.get(name) as Tensor, tensor));
    if (there !== undefined) return there;
    const name = this.ownConstant(base, tensor);
    this.#alike.set(kind, [...alike, name]);
    return name;
  }

  /** The name of a new initializer, whatever else is like it. */
  ownConstant(base: string, tensor: Tensor): string {
    const name = this.freshName(base);
    this.#initializers.set(name, tensor);
    return name;
  }

  /** The value that a new node of one output makes. */
  op(opType: string, inputs: readonly string[], attributes: NodeInit['attributes'] = {}, base = opType): string {
    const output = this.freshName(base);
    this.add(makeNode({ opType, inputs, outputs: [output], attributes, name: output }));
    return output;
  }

  /** The value with its channels where `layout` has them: gathered, unless they are there already. */
  relaid({ name, layout: from }: MergedValue, layout: Layout, base: string): string {
    if (from !== undefined && sameLayout(from, layout)) return name;
    const indices = new Array<number>(layout.total).fill(0);
    for (const [part, own] of layout.positions.entries()) {
      for (const [c, at] of own.entries()) indices[at] = from?.positions[part]?.[c] ?? c;
    }
    const list = this.constant(`${base}.order`, Tensor.int64s(indices));
    return this.op('Gather', [name, list], { axis: 1 }, `${base}.relaid`);
  }

  add(node: Node): void {
    this.#nodes.push(node);
  }

  /** @param scores the value with the scores of all parts */
  build(scores: string): Model {
    const first = this.#parts[0] as MergedPart;
    const batch = first.input.type?.dims?.[0];
    const total = this.#parts.reduce((sum, { width }) => sum + width, 0);
    const nodes = [...this.#nodes, makeNode({ opType: 'Identity', inputs: [scores], outputs: [this.output] })];
    const model: Model = {
      irVersion: Math.max(4, ...this.#parts.map(({ model: { irVersion } }) => irVersion)),
      opsets: new Map(this.#parts.flatMap(({ model: { opsets } }) => [...opsets])),
      producerName: 'skein',
      producerVersion: '',
      functions: [],
      trainingInfos: [],
      metadata: new Map(),
      graph: {
        name: 'merged',
        inputs: [first.input],
        outputs: [{ name: this.output, type: { dtype: 'float32', dims: [batch, total] } }],
        initializers: this.#initializers,
        sparseInitializers: new Map(),
        nodes,
        valueInfos: new Map(),
      },
    };
    validateModel(model);
    inferShapes(model);
    return model;
  }
}

export function sameContent(a: Tensor, b: Tensor): boolean {
  if (a === b) return true;
  if (a.dtype !== b.dtype || a.dims.join() !== b.dims.join() || a.byteLength === undefined) return false;
  return Buffer.compare(a.bytes, b.bytes) === 0;
}
