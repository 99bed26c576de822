/**
 * The shape and value rules of ops/ against what ONNX Runtime really gives, over seeded random shapes and attributes:
 * each case is a model of one node whose tensors are partly constants.
 */
import { describe, expect, it } from 'vitest';
import { Random } from '../src/base/index.ts';
import { type Model, makeNode, Tensor, type ValueInfo } from '../src/graph/index.ts';
import { infer, type KnownValue } from '../src/ops/index.ts';
import { type Case, OP_CASES } from './op-cases.ts';
import { type Output, randomFeeds, runModel } from './run-onnx.ts';

/** Made by hand: the builder would ask the rules, and refuse what they refuse. Nothing of the outputs is declared. */
function build(opType: string, { inputs, attributes, outputs }: Case): Model {
  const initializers = new Map<string, Tensor>();
  const graphInputs: ValueInfo[] = [];
  const names = inputs.map((input, i) => {
    if (input === null) return '';
    if (input instanceof Tensor) initializers.set(`x${i}`, input);
    else graphInputs.push({ name: `x${i}`, type: { dtype: 'float32', dims: input } });
    return `x${i}`;
  });
  while (names.at(-1) === '') names.pop();
  const made = Array.from({ length: outputs ?? 1 }, (_, i) => `y${i}`);
  return {
    irVersion: 9,
    opsets: new Map([['', 19]]),
    producerName: '',
    producerVersion: '',
    graph: {
      name: opType,
      inputs: graphInputs,
      outputs: made.map((name) => ({ name, type: undefined })),
      initializers,
      sparseInitializers: new Map(),
      nodes: [makeNode({ opType, inputs: names, outputs: made, attributes: attributes ?? {} })],
      valueInfos: new Map(),
    },
    functions: [],
    trainingInfos: [],
    metadata: new Map(),
  };
}

function expectAgreement(model: Model, real: Readonly<Record<string, Output>>, complete: boolean): void {
  const { types, values } = infer(model);
  for (const [name, { dims, type, data }] of Object.entries(real)) {
    const inferred = types.get(name);
    expect(inferred?.dtype).toBe(type);
    expect(inferred?.dims?.length).toBe(dims.length);
    if (complete) expect(inferred?.dims).toEqual(dims);
    const value = values.get(name);
    if (value !== undefined) expectValue(value, data);
  }
}

function expectValue(value: KnownValue, data: Output['data']): void {
  const elements = [...(data as unknown as Iterable<number | bigint>)].map(Number);
  for (const [i, element] of value.elements.entries()) {
    if (element !== undefined) expect(Object.is(element, elements[i])).toBe(true);
  }
}

const TRIES = 8;

describe('shapes and values agree with ONNX Runtime', () => {
  it.each(Object.entries(OP_CASES))('%s', async (opType, draw) => {
    const random = new Random(opType.length * 1000 + opType.charCodeAt(0));
    let ran = 0;
    for (let i = 0; i < TRIES; i++) {
      const model = build(opType, draw(random));
      let real: Record<string, Output>;
      try {
        real = await runModel(model, randomFeeds(model, i));
      } catch {
        // The drawn attributes do not fit each other; the engine refuses them too.
        continue;
      }
      ran++;
      try {
        expectAgreement(model, real, opType !== 'NonZero');
      } catch (error) {
        // A window larger than its input: the engine gives a shape there, but no meaning.
        if (String(error).includes('must fit into')) continue;
        const node = JSON.stringify(model.graph.nodes[0], (_, v) =>
          v instanceof Map ? [...v] : typeof v === 'bigint' ? Number(v) : v,
        );
        const feeds = [
          ...model.graph.inputs.map(({ type }) => type?.dims),
          ...[...model.graph.initializers.values()].map((t) => [t.dims, t.elements()?.map(Number)]),
        ]
          .map((x) => JSON.stringify(x))
          .join(' ');
        throw new Error(`${node} with ${feeds}: ${String(error)}`);
      }
    }
    expect(ran).toBeGreaterThanOrEqual(TRIES / 3);
  });
});
