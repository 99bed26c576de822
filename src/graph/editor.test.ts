import { expect, it } from 'vitest';
import { subgraph } from './attribute.ts';
import { GraphEditor } from './editor.ts';
import type { Graph } from './model.ts';
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
  editor.replaceUses('a', 'b');
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
