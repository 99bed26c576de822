import { describe, expect, it } from 'vitest';
import { GraphEditor, type Model, makeNode, subgraph, Tensor } from '../graph/index.ts';
import { GraphBuilder } from '../ops/index.ts';
import { fold } from './fold.ts';
import { runPasses } from './pass.ts';

const folded = (model: Model): Model => runPasses(model, [fold]).model;
const opTypes = (model: Model): string[] => model.graph.nodes.map(({ opType }) => opType);

describe('fold', () => {
  it('makes shape arithmetic that does not depend on the batch a constant', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', ['n', 8, 4, 4]);
    const channels = b.op('Gather', [b.op('Shape', [x]), b.op('Constant', [], { value: Tensor.scalar('int64', 1) })], {
      axis: 0,
    });
    const halves = b.op('Div', [channels, b.op('Constant', [], { value: Tensor.scalar('int64', 2) })]);
    const target = b.op(
      'Concat',
      [
        b.constant(Tensor.int64s([0, 2])),
        b.op('Unsqueeze', [halves, b.constant(Tensor.int64s([0]))]),
        b.constant(Tensor.int64s([-1])),
      ],
      { axis: 0 },
    );
    b.output('y', b.op('Reshape', [x, target]));
    const model = folded(b.build());
    expect(opTypes(model)).toEqual(['Reshape']);
    const shape = model.graph.nodes[0]?.inputs[1] ?? '';
    expect(model.graph.initializers.get(shape)?.elements()).toEqual([0, 2, 4, -1]);
    expect(model.graph.initializers.size).toBe(1);
  });

  it('leaves what depends on the batch', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', ['n', 8]);
    const size = b.op('Slice', [b.op('Shape', [x]), b.constant(Tensor.int64s([0])), b.constant(Tensor.int64s([1]))]);
    b.output('y', b.op('Reshape', [x, b.op('Concat', [size, b.constant(Tensor.int64s([-1]))], { axis: 0 })]));
    const model = b.build();
    expect(fold.apply(model)).toEqual({ model, changed: false });
  });

  it('does not believe what the file merely says of inner values', () => {
    const b = new GraphBuilder();
    const mystery = b.op('Mystery', [b.input('x', 'float32', [1])], {}, { domain: 'own' });
    b.output('y', b.op('Shape', [mystery]));
    const model = b.build();
    const valueInfos = new Map([[mystery, { name: mystery, type: { dtype: 'float32' as const, dims: [7] } }]]);
    expect(opTypes(folded({ ...model, graph: { ...model.graph, valueInfos } }))).toEqual(['Mystery', 'Shape']);
  });

  it('takes out Identity and inactive Dropout, and keeps the names of outputs', () => {
    const b = new GraphBuilder();
    const x = b.op('Identity', [b.op('Identity', [b.input('x', 'float32', ['n', 4])])]);
    b.output('y', b.op('Identity', [b.dropout(b.relu(b.dropout(x)))]));
    const model = folded(b.build());
    expect(model.graph.nodes.map(({ opType, inputs, outputs }) => [opType, ...inputs, ...outputs])).toEqual([
      ['Relu', 'x', 'y'],
    ]);
    expect(model.graph.initializers.size).toBe(0);
  });

  it('keeps a Dropout that is active or whose mask is used, and a copy that only renames', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [4]);
    const ratio = b.constant(Tensor.scalar('float32', 0.5));
    b.output('active', b.op('Dropout', [x, ratio, b.constant(Tensor.scalar('bool', 1))]));
    b.output('mask', b.ops('Dropout', [x], {}, { outputs: 2 })[1] as string);
    b.output('copy', b.op('Identity', [x]));
    expect(opTypes(folded(b.build()))).toEqual(['Dropout', 'Dropout', 'Identity']);
  });

  it('removes nodes and initializers that nothing needs, but no graph input', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [4]);
    b.input('spare', 'float32', [1]);
    b.op('Exp', [b.parameter('weight', [4], 1)]);
    b.output('y', b.relu(x));
    const model = folded(b.build());
    expect(opTypes(model)).toEqual(['Relu']);
    expect(model.graph.inputs.map(({ name }) => name)).toEqual(['x', 'spare']);
    expect(model.graph.initializers.size).toBe(0);
  });

  it('keeps what a subgraph captures, under the name that it captures', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [4]);
    const two = b.op('Constant', [], { value: Tensor.scalar('float32', 2) });
    const same = b.op('Identity', [x]);
    const branch = subgraph({
      name: 'branch',
      inputs: [],
      outputs: [{ name: 't', type: undefined }],
      initializers: new Map(),
      sparseInitializers: new Map(),
      valueInfos: new Map(),
      nodes: [makeNode({ opType: 'Mul', inputs: [same, two], outputs: ['t'] })],
    });
    const condition = b.input('c', 'bool', []);
    b.output('y', b.op('If', [condition], { then_branch: branch, else_branch: branch }));
    const model = folded(b.build());
    expect(opTypes(model)).toEqual(['If']);
    const attribute = model.graph.nodes[0]?.attributes.get('then_branch');
    expect(attribute?.kind === 'graph' && attribute.value.nodes[0]?.inputs).toEqual(['x', two]);
    expect(model.graph.initializers.get(two)?.elements()).toEqual([2]);
  });

  it('gives an output its name where copies of the same value are used elsewhere too', () => {
    const b = new GraphBuilder();
    const made = b.relu(b.input('x', 'float32', ['n', 4]));
    const [early, named] = [b.op('Identity', [made]), b.op('Identity', [made])];
    b.output('y', named);
    b.output('again', b.op('Identity', [b.op('Identity', [made])]));
    b.output('z', b.add(early, b.op('Identity', [early])));
    const model = folded(b.build());
    expect(model.graph.nodes.map(({ opType, inputs, outputs }) => [opType, ...inputs, ...outputs])).toEqual([
      ['Relu', 'x', 'y'],
      ['Identity', 'y', 'again'],
      ['Add', 'y', 'y', 'z'],
    ]);
  });

  it('takes out thousands of nodes, chained and side by side', () => {
    const pairs = 1000;
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', ['n', 1]);
    let chain = x;
    for (let i = 0; i < pairs; i++) chain = b.relu(b.op('Identity', [chain]));
    b.output('y', b.concat([chain, ...Array.from({ length: pairs }, () => b.op('Identity', [x]))]));
    expect(folded(b.build()).graph.nodes).toHaveLength(pairs + 1);
  });

  it('is done after one round', () => {
    const b = new GraphBuilder();
    const x = b.op('Identity', [b.input('x', 'float32', ['n', 3, 8, 8])]);
    b.output('y', b.dropout(b.linear(b.flatten(b.relu(x)), { out: 2 })));
    const once = folded(b.build());
    expect(fold.apply(once)).toEqual({ model: once, changed: false });
  });
});

describe('runPasses()', () => {
  const network = () => {
    const b = new GraphBuilder();
    b.output('y', b.linear(b.input('x', 'float32', ['n', 3]), { out: 2 }));
    return b.build();
  };

  it('names the pass that breaks a graph or its shapes', () => {
    const unhook = {
      name: 'unhook',
      apply: (model: Model) => ({ model: { ...model, graph: { ...model.graph, nodes: [] } }, changed: true }),
    };
    const misfit = {
      name: 'misfit',
      apply: (model: Model) => {
        const editor = new GraphEditor(model.graph);
        editor.setInitializer('fc1.weight', Tensor.of('float32', [2, 4], [1, 2, 3, 4, 5, 6, 7, 8]));
        return { model: { ...model, graph: editor.build() }, changed: true };
      },
    };
    expect(() => runPasses(network(), [unhook])).toThrow(
      "Pass 'unhook' broke the model: Graph 'skein' has no value 'y'",
    );
    expect(() => runPasses(network(), [misfit])).toThrow(
      /Pass 'misfit' broke the model: .*inner dimensions must be equal, received 3 and 4/,
    );
  });

  it('refuses a pass that is wrong about having changed something', () => {
    const liar = { name: 'liar', apply: (model: Model) => ({ model, changed: true }) };
    expect(() => runPasses(network(), [liar])).toThrow(
      "Pass 'liar' must say whether it changed the model, it said true",
    );
  });

  it('refuses a broken model as the fault of the caller', () => {
    const model = network();
    const broken = { ...model, graph: { ...model.graph, inputs: [] } };
    expect(() => runPasses(broken, [fold])).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
  });
});
