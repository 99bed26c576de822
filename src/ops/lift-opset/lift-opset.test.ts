import { describe, expect, it } from 'vitest';
import { oldModel, runLifted } from '../../../test/old-models.ts';
import { drawn, feedsOf, operatorModel } from '../../../test/old-operators.ts';
import { feed } from '../../../test/run-onnx.ts';
import { floats, type Graph, makeNode, subgraph, Tensor } from '../../graph/index.ts';
import { liftOpset } from './lift-opset.ts';

const FLOAT_INPUT = { name: 'x', type: { dtype: 'float32', dims: ['batch', 3, 4, 4] } } as const;

describe('liftOpset() of whole models', () => {
  it('gives a model of that version, or a newer one, back', () => {
    for (const opset of [13, 17]) {
      const model = operatorModel(opset, { opType: 'Relu', x: [2] });
      expect(liftOpset(model, 13)).toBe(model);
    }
  });

  it('keeps names and what they stand for, and makes constants of initializers that were inputs', async () => {
    const nodes = [
      makeNode({ opType: 'Upsample', inputs: ['x'], outputs: ['big'], attributes: { scales: floats([1, 1, 2, 2]) } }),
      makeNode({ opType: 'Clip', inputs: ['big'], outputs: ['cut'], attributes: { min: -1, max: 1 } }),
      makeNode({ opType: 'Dropout', inputs: ['cut'], outputs: ['kept', 'mask'] }),
      makeNode({ opType: 'Add', inputs: ['kept', 'bias'], outputs: ['sum'] }),
      makeNode({ opType: 'Softmax', inputs: ['sum'], outputs: ['y'] }),
    ];
    const given = { inputs: [FLOAT_INPUT], nodes, outputs: ['y'], initializers: { bias: drawn([3, 1, 1]) } };
    const model = oldModel(8, given);
    const ran = await runLifted(model, feedsOf([2, 3, 4, 4], 1));
    expect(ran?.before.y?.dims).toEqual([2, 3, 8, 8]);
    expect(ran?.after).toEqual(ran?.before);
    const lifted = liftOpset(model, 13);
    expect(lifted.irVersion).toBe(7);
    expect(lifted.graph.inputs).toEqual([FLOAT_INPUT]);
    expect(lifted.graph.outputs).toBe(model.graph.outputs);
    expect(lifted.graph.nodes.map(({ opType }) => opType)).toEqual([
      'Resize',
      'Clip',
      'Dropout',
      'Add',
      'Shape',
      'Flatten',
      'Softmax',
      'Reshape',
    ]);
    expect(model.graph.nodes).toBe(nodes);
  });

  it('keeps other domains', async () => {
    const nodes = [
      makeNode({ opType: 'Gelu', domain: 'com.microsoft', inputs: ['x'], outputs: ['mixed'] }),
      makeNode({ opType: 'Squeeze', inputs: ['mixed'], outputs: ['y'], attributes: { axes: [0] } }),
    ];
    const old = oldModel(9, {
      inputs: [{ name: 'x', type: { dtype: 'float32', dims: [1, 5] } }],
      nodes,
      outputs: ['y'],
    });
    const model = { ...old, opsets: new Map([['com.microsoft', 1], ...old.opsets]) };
    expect([...liftOpset(model, 13).opsets]).toEqual([
      ['com.microsoft', 1],
      ['', 13],
    ]);
    const ran = await runLifted(model, feedsOf([1, 5], 1));
    expect(ran?.before.y?.dims).toEqual([5]);
    expect(ran?.after).toEqual(ran?.before);
  });

  it('takes the axis of a Softmax as it was where not even the rank is known', async () => {
    const nodes = [
      makeNode({ opType: 'Gelu', domain: 'com.microsoft', inputs: ['x'], outputs: ['mixed'] }),
      makeNode({ opType: 'Softmax', inputs: ['mixed'], outputs: ['y'], attributes: { axis: -2 } }),
    ];
    const old = oldModel(11, { inputs: [FLOAT_INPUT], nodes, outputs: ['y'] });
    const ran = await runLifted(
      { ...old, opsets: new Map([...old.opsets, ['com.microsoft', 1]]) },
      feedsOf([2, 3, 4, 4], 3),
    );
    expect(ran?.before.y?.dims).toEqual([2, 3, 4, 4]);
    expect(ran?.after).toEqual(ran?.before);
  });

  it('lifts branches and bodies, too, with what they see around them', async () => {
    const inner = (
      nodes: readonly ReturnType<typeof makeNode>[],
      inputs: Graph['inputs'],
      outputs: Graph['outputs'],
    ): Graph => ({
      ...oldModel(9, { inputs: [], nodes, outputs: [] }).graph,
      inputs,
      outputs,
    });
    const of = (name: string, dtype: 'float32' | 'bool' | 'int64', dims: number[] | undefined) => ({
      name,
      type: { dtype, dims },
    });
    const then = inner(
      [makeNode({ opType: 'Softmax', inputs: ['x'], outputs: ['then'] })],
      [],
      [of('then', 'float32', undefined)],
    );
    const clip = makeNode({ opType: 'Clip', inputs: ['x'], outputs: ['else'], attributes: { min: 0 } });
    const otherwise = inner([clip], [], [of('else', 'float32', undefined)]);
    const turn = [
      makeNode({ opType: 'Unsqueeze', inputs: ['carried'], outputs: ['next'], attributes: { axes: [0] } }),
      makeNode({ opType: 'Identity', inputs: ['on'], outputs: ['still'] }),
    ];
    const body = inner(
      turn,
      [of('i', 'int64', []), of('on', 'bool', []), of('carried', 'float32', undefined)],
      [of('still', 'bool', []), of('next', 'float32', undefined)],
    );
    const branches = { then_branch: subgraph(then), else_branch: subgraph(otherwise) };
    const nodes = [
      makeNode({ opType: 'If', inputs: ['flag'], outputs: ['chosen'], attributes: branches }),
      makeNode({
        opType: 'Loop',
        inputs: ['turns', '', 'chosen'],
        outputs: ['y'],
        attributes: { body: subgraph(body) },
      }),
    ];
    for (const opset of [7, 10]) {
      const model = oldModel(opset, {
        inputs: [FLOAT_INPUT, of('flag', 'bool', [])],
        nodes,
        outputs: ['y'],
        initializers: { turns: Tensor.scalar('int64', 2) },
      });
      for (const flag of [0, 1]) {
        const feeds = { ...feedsOf([2, 3, 4, 4], opset), flag: feed('bool', Uint8Array.of(flag), []) };
        const ran = await runLifted(model, feeds);
        expect(ran?.before.y?.dims).toEqual([1, 1, 2, 3, 4, 4]);
        expect(ran?.after).toEqual(ran?.before);
      }
    }
  });
});

describe('liftOpset() refuses', () => {
  it('a Clip whose type is not known', () => {
    const nodes = [
      makeNode({ opType: 'Mystery', domain: 'custom', inputs: ['x'], outputs: ['m'] }),
      makeNode({ opType: 'Clip', inputs: ['m'], outputs: ['y'], attributes: { min: 0 } }),
    ];
    const old = oldModel(9, { inputs: [FLOAT_INPUT], nodes, outputs: ['y'] });
    const model = { ...old, opsets: new Map([...old.opsets, ['custom', 1]]) };
    expect(() => liftOpset(model, 13)).toThrow("node that makes 'y' (Clip)");
    const m = { name: 'm', type: { dtype: 'float32', dims: undefined } } as const;
    const told = { ...model, graph: { ...model.graph, valueInfos: new Map([['m', m]]) } };
    expect(liftOpset(told, 13).graph.initializers.get('y/min')?.dtype).toBe('float32');
  });

  it('what is no operator', () => {
    const model = operatorModel(9, { opType: 'Relu', x: [2] });
    const graph = { initialization: undefined, algorithm: undefined };
    const called = {
      domain: 'own',
      name: 'f',
      inputs: [],
      outputs: [],
      attributes: new Map(),
      nodes: [],
      valueInfos: new Map(),
    };
    expect(() => liftOpset({ ...model, opsets: new Map([['', 6]]) }, 13)).toThrow('it must use 7 or newer');
    expect(() => liftOpset({ ...model, trainingInfos: [graph] }, 13)).toThrow('training information');
    const functions = [{ ...called, opsets: new Map([['', 9]]) }];
    expect(() => liftOpset({ ...model, functions }, 13)).toThrow("defines the function 'own.f' by an older one");
    expect(() => liftOpset(model, 17)).toThrow('13 to 16, received 17');
  });
});
