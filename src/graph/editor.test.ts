import { expect, it } from 'vitest';
import { subgraph } from './attribute.ts';
import { GraphEditor } from './editor.ts';
import type { Graph, Node } from './model.ts';
import { makeNode } from './node.ts';
import { Tensor } from './tensor.ts';
import { validateGraph } from './validate.ts';

function network(): Graph {
  return {
    name: 'network',
    inputs: [{ name: 'x', type: { dtype: 'float32', dims: ['n', 1, 4, 4] } }],
    outputs: [{ name: 'y', type: { dtype: 'float32', dims: ['n', 1, 4, 4] } }],
    initializers: new Map([['conv1.weight', Tensor.of('float32', [1, 1, 1, 1], [2])]]),
    sparseInitializers: new Map(),
    nodes: [
      makeNode({ opType: 'Conv', inputs: ['x', 'conv1.weight'], outputs: ['a1'] }),
      makeNode({ opType: 'Relu', inputs: ['a1'], outputs: ['y'] }),
    ],
    valueInfos: new Map(),
  };
}

it('inserts a node between two others and sorts', () => {
  const before = network();
  const editor = new GraphEditor(before);
  const relu = before.nodes[1];
  if (relu === undefined) throw new Error('no relu');
  const made = editor.addNode({ opType: 'Neg', inputs: [relu.inputs[0] ?? ''] });
  editor.replaceNode(relu, { ...relu, inputs: made.outputs });
  const after = editor.build();
  validateGraph(after);
  expect(after.nodes.map(({ opType }) => opType)).toEqual(['Conv', 'Neg', 'Relu']);
  expect(before.nodes.map(({ opType }) => opType)).toEqual(['Conv', 'Relu']);
  expect(editor.changed).toBe(true);
});

it('freshName() never gives a name twice, nor one that a subgraph has', () => {
  const inner = { ...network(), inputs: [], nodes: [makeNode({ opType: 'Neg', inputs: ['x'], outputs: ['inside'] })] };
  const holder = makeNode({
    opType: 'If',
    inputs: ['x'],
    outputs: ['z'],
    attributes: { then_branch: subgraph(inner) },
  });
  const editor = new GraphEditor({ ...network(), nodes: [...network().nodes, holder] });
  expect([editor.freshName('inside'), editor.freshName('inside'), editor.freshName('new')]).toEqual([
    'inside_1',
    'inside_2',
    'new',
  ]);
});

it('replaceUses() reaches into subgraphs', () => {
  const inner = {
    ...network(),
    inputs: [],
    initializers: new Map(),
    nodes: [makeNode({ opType: 'Neg', inputs: ['a'], outputs: ['y'] })],
  };
  const holder = makeNode({
    opType: 'If',
    inputs: ['x'],
    outputs: ['z'],
    attributes: { then_branch: subgraph(inner) },
  });
  const editor = new GraphEditor({ ...network(), nodes: [...network().nodes, holder] });
  editor.replaceUses(new Map([['a', 'b']]));
  const attribute = editor.nodes.at(-1)?.attributes.get('then_branch');
  expect(attribute?.kind === 'graph' && attribute.value.nodes[0]?.inputs).toEqual(['b']);
});

it('removeUnused() removes what no output needs', () => {
  const editor = new GraphEditor(network());
  const weight = editor.addInitializer('spare', Tensor.scalar('float32', 1));
  editor.addNode({ opType: 'Neg', inputs: [weight] });
  expect(editor.removeUnused()).toBe(2);
  expect(editor.build().nodes).toHaveLength(2);
  expect([...editor.initializers.keys()]).toEqual(['conv1.weight']);
});

it('says that it changed the graph, whatever was edited', () => {
  const { inputs, outputs, initializers } = network();
  const untouched = new GraphEditor(network());
  expect(untouched.changed).toBe(false);
  const edits: ((editor: GraphEditor) => void)[] = [
    (editor) => editor.setInitializer('conv1.weight', Tensor.of('float32', [1, 1, 1, 1], [3])),
    (editor) => editor.removeInitializer('conv1.weight'),
    (editor) => editor.setInputs([...inputs, { name: 'extra', type: undefined }]),
    (editor) => editor.setOutputs([{ name: 'a1', type: undefined }]),
    (editor) => editor.replaceUses(new Map([['a1', 'x']])),
    (editor) => editor.removeNode(editor.nodes[1] as Node),
  ];
  for (const edit of edits) {
    const editor = new GraphEditor(network());
    edit(editor);
    expect(editor.changed).toBe(true);
  }
  const same = new GraphEditor({ ...network(), inputs, outputs, initializers });
  same.setInputs([...inputs]);
  same.setOutputs([...outputs]);
  same.setInitializer('conv1.weight', initializers.get('conv1.weight') as Tensor);
  same.replaceUses(new Map([['nobody', 'x']]));
  expect(same.changed).toBe(false);
  expect(() => same.removeInitializer('nobody')).toThrow(/no initializer 'nobody'/);
});

it('follows who makes and who uses a value through edits', () => {
  const editor = new GraphEditor(network());
  const [conv, relu] = editor.nodes as [Node, Node];
  expect(editor.producerOf('a1')).toBe(conv);
  expect(editor.consumersOf('a1')).toEqual([relu]);
  const neg = editor.addNode(makeNode({ opType: 'Neg', inputs: ['a1'], outputs: ['a2'] }));
  expect(editor.consumersOf('a1')).toEqual([relu, neg]);
  editor.replaceUses(new Map([['a1', 'x']]));
  expect(editor.consumersOf('a1')).toEqual([]);
  expect(editor.consumersOf('x').map(({ opType }) => opType)).toEqual(['Conv', 'Relu', 'Neg']);
  editor.replaceNode(conv, { ...conv, outputs: ['a3'] });
  expect([editor.producerOf('a1'), editor.producerOf('a3')?.opType]).toEqual([undefined, 'Conv']);
  expect(() => editor.removeNode(conv)).toThrow(/The graph has no node/);
});

it('leaves out what the file says of values that an edit may have changed', () => {
  const info = (name: string) => [name, { name, type: { dtype: 'float32' as const, dims: ['n', 1, 4, 4] } }] as const;
  const graph = {
    ...network(),
    nodes: [
      ...network().nodes,
      makeNode({ opType: 'Neg', inputs: ['x'], outputs: ['b1'] }),
      makeNode({ opType: 'Exp', inputs: ['a1'], outputs: ['a2'] }),
      makeNode({ opType: 'Add', inputs: ['a2', 'b1'], outputs: ['c1'] }),
    ],
    valueInfos: new Map([info('a1'), info('a2'), info('b1'), info('c1')]),
  };
  const left = (edit: (editor: GraphEditor) => void) => {
    const editor = new GraphEditor(graph);
    edit(editor);
    return [...editor.build().valueInfos.keys()];
  };
  expect(left(() => undefined)).toEqual(['a1', 'a2', 'b1', 'c1']);
  expect(left((editor) => editor.setInitializer('conv1.weight', Tensor.of('float32', [2, 1, 1, 1], [2, 3])))).toEqual([
    'b1',
  ]);
  const exp = graph.nodes[3] as Node;
  expect(left((editor) => editor.replaceNode(exp, { ...exp, opType: 'Shape' }))).toEqual(['a1', 'b1']);
});
