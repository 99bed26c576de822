import { expect, it } from 'vitest';
import { subgraph } from './attribute.ts';
import type { Graph, Node } from './model.ts';
import { makeNode } from './node.ts';
import { Tensor } from './tensor.ts';
import { capturedBy, consumersOf, producersOf, topologicalSort } from './traversal.ts';
import { validateGraph } from './validate.ts';

function graph(nodes: readonly Node[], output: string, extra: Partial<Graph> = {}): Graph {
  return {
    name: 'g',
    inputs: [{ name: 'x', type: undefined }],
    outputs: [{ name: output, type: undefined }],
    initializers: new Map(),
    sparseInitializers: new Map(),
    nodes,
    valueInfos: new Map(),
    ...extra,
  };
}

const relu = (from: string, to: string) => makeNode({ opType: 'Relu', inputs: [from], outputs: [to] });

it('validateGraph() accepts a chain, absent inputs and defaults of inputs', () => {
  const clip = makeNode({ opType: 'Clip', inputs: ['a', '', 'x'], outputs: ['b', ''] });
  validateGraph(graph([relu('x', 'a'), clip], 'b', { initializers: new Map([['x', Tensor.scalar('float32', 1)]]) }));
});

it('validateGraph() names a value that nothing makes', () => {
  expect(() => validateGraph(graph([relu('nowhere', 'a')], 'a'))).toThrow(
    "Graph 'g' has no value 'nowhere', which node that makes 'a' (Relu) uses",
  );
  expect(() => validateGraph(graph([], 'z'))).toThrow("has no value 'z', which it lists as an output");
});

it('validateGraph() names a value that is made twice', () => {
  expect(() => validateGraph(graph([relu('x', 'a'), relu('x', 'a')], 'a'))).toThrow("defines value 'a' twice");
  expect(() => validateGraph(graph([relu('x', 'x')], 'x'))).toThrow("defines value 'x' twice: as a graph input");
});

it('validateGraph() tells a cycle from a wrong order', () => {
  expect(() => validateGraph(graph([relu('b', 'a'), relu('a', 'b')], 'b'))).toThrow(/cycle through/);
  expect(() => validateGraph(graph([relu('a', 'b'), relu('x', 'a')], 'b'))).toThrow(/order of running/);
});

it('validateGraph() looks into subgraphs, which see the values before their node', () => {
  const inner = (captured: string) =>
    graph([makeNode({ opType: 'Add', inputs: [captured, captured], outputs: ['t'] })], 't', { inputs: [] });
  const branch = (captured: string) =>
    makeNode({ opType: 'If', inputs: ['x'], outputs: ['y'], attributes: { then_branch: subgraph(inner(captured)) } });
  validateGraph(graph([relu('x', 'a'), branch('a')], 'y'));
  expect(() => validateGraph(graph([branch('a')], 'y'))).toThrow(
    "subgraph of node that makes 'y' (If) has no value 'a'",
  );
  expect(capturedBy(inner('a'))).toEqual(new Set(['a']));
  expect(consumersOf({ nodes: [branch('a')] }).get('a')).toHaveLength(1);
  expect(topologicalSort([branch('a'), relu('x', 'a')]).map(({ opType }) => opType)).toEqual(['Relu', 'If']);
});

it('topologicalSort() keeps the given order where it is free', () => {
  const nodes = [relu('b', 'c'), relu('x', 'a'), relu('x', 'd'), relu('a', 'b')];
  expect(topologicalSort(nodes).map(({ outputs }) => outputs[0])).toEqual(['a', 'd', 'b', 'c']);
  expect(producersOf({ nodes }).get('c')).toBe(nodes[0]);
});
