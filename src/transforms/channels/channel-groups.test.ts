import { describe, expect, it } from 'vitest';
import { makeNode, subgraph, Tensor } from '../../graph/index.ts';
import { GraphBuilder } from '../../ops/index.ts';
import { fold } from '../fold.ts';
import { runPasses } from '../pass.ts';
import { type ChannelGroups, channelGroups } from './channel-groups.ts';

const conv = (b: GraphBuilder, x: string, out: number, name: string, groups = 1): string =>
  b.conv(x, { out, kernel: 3, padding: 1, bias: false, name, groups });

/** The groups of what `make` builds on an image of 3 channels, behind it a linear layer. */
function groupsOf(make: (b: GraphBuilder, x: string) => string): ChannelGroups {
  const b = new GraphBuilder();
  const x = make(b, b.input('x', 'float32', ['batch', 3, 8, 8]));
  b.output('y', b.linear(b.flatten(b.globalAveragePool(x)), { out: 2, name: 'head' }));
  return channelGroups(runPasses(b.build(), [fold]).model);
}

const shapes = ({ groups }: ChannelGroups): [string, number][] => groups.map(({ name, units }) => [name, units.length]);

/** The units along an axis, numbered within their group. */
function unitsAlong(found: ChannelGroups, name: string, axis: number): number[] {
  const units = found.parameters.find((each) => each.name === name && each.axis === axis)?.units ?? new Int32Array();
  return [...units].map((unit) => unit - Math.min(...(found.groups[found.groupOf[unit] ?? 0]?.units ?? [])));
}

describe('channelGroups()', () => {
  it('follows a channel from its filter through normalisation to who reads it', () => {
    const found = groupsOf((b, x) => b.relu(b.batchNorm(conv(b, x, 4, 'a'))));
    expect(shapes(found)).toEqual([['a', 4]]);
    expect(found.parameters.map(({ name, axis, role }) => [name, axis, role])).toEqual([
      ['a.weight', 0, 'output'],
      ['bn1.weight', 0, 'scale'],
      ['bn1.bias', 0, 'shift'],
      ['bn1.running_mean', 0, 'statistic'],
      ['bn1.running_var', 0, 'statistic'],
      ['head.weight', 1, 'input'],
    ]);
    expect(found.consumed.map(({ name, units }) => [name, ...units])).toEqual([['/Flatten_output_0', 0, 1, 2, 3]]);
  });

  it('says why channels stay', () => {
    const found = groupsOf((b, x) => b.softmax(conv(b, x, 4, 'a'), 1));
    expect(shapes(found)).toEqual([]);
    expect(found.fixed).toEqual([
      { reason: "node '/Softmax' (Softmax) is not understood", layers: ['a.weight'] },
      { reason: "'y' is an output of the graph", layers: ['head.weight'] },
    ]);
  });

  it('unites what is added, and only that', () => {
    const found = groupsOf((b, x) => {
      const stem = b.relu(conv(b, x, 4, 'stem'));
      return b.add(conv(b, b.relu(conv(b, stem, 6, 'inner')), 4, 'outer'), stem);
    });
    expect(shapes(found)).toEqual([
      ['stem', 4],
      ['inner', 6],
    ]);
    expect(unitsAlong(found, 'outer.weight', 0)).toEqual([0, 1, 2, 3]);
  });

  it('leaves channels that padding adds to the layer that they are added to', () => {
    const found = groupsOf((b, x) => {
      const stem = conv(b, x, 2, 'stem');
      return b.add(conv(b, stem, 5, 'wide'), b.pad(stem, [0, 1, 0, 0, 0, 2, 0, 0]));
    });
    // Channels 1 and 2 of the wide layer are those of the stem; 0, 3 and 4 are its own.
    expect(shapes(found)).toEqual([
      ['stem', 2],
      ['wide', 3],
    ]);
    expect(unitsAlong(found, 'wide.weight', 0)).toEqual([0, 0, 1, 1, 2]);
    expect(unitsAlong(found, 'wide.weight', 1)).toEqual([0, 1]);
  });

  it('keeps the branches of a Concat apart', () => {
    const found = groupsOf((b, x) => conv(b, b.concat([conv(b, x, 2, 'left'), x, conv(b, x, 3, 'right')]), 4, 'after'));
    expect(shapes(found)).toEqual([
      ['left', 2],
      ['right', 3],
      ['after', 4],
    ]);
    expect([
      ...(found.parameters.find(({ name, axis }) => name === 'after.weight' && axis === 1)?.units ?? []),
    ]).toEqual([0, 1, -1, -1, -1, 2, 3, 4]);
  });

  it('gives a flattened channel all its columns', () => {
    const b = new GraphBuilder();
    const maps = b.conv(b.input('x', 'float32', ['batch', 3, 2, 2]), { out: 3, kernel: 1, name: 'a' });
    b.output('y', b.linear(b.flatten(maps), { out: 2, name: 'head' }));
    expect(unitsAlong(channelGroups(b.build()), 'head.weight', 1)).toEqual([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
  });

  it.each([
    ['depthwise', 4, 4, [0, 1, 2, 3]],
    ['of many groups, which go whole', 8, 4, [0, 0, 1, 1, 2, 2, 3, 3]],
    ['of few groups, of which places go', 8, 2, [0, 1, 2, 3, 0, 1, 2, 3]],
  ])('understands a convolution that is %s', (_, channels, groups, expected) => {
    const found = groupsOf((b, x) => conv(b, conv(b, x, channels, 'a'), channels, 'grouped', groups));
    expect(unitsAlong(found, 'a.weight', 0)).toEqual(expected);
    expect(unitsAlong(found, 'grouped.weight', 0)).toEqual(expected);
  });

  it('follows a channel shuffle', () => {
    const found = groupsOf((b, x) => conv(b, b.channelShuffle(conv(b, x, 6, 'a'), 2), 4, 'after'));
    // [0 1 2; 3 4 5] transposed.
    expect(unitsAlong(found, 'after.weight', 1)).toEqual([0, 3, 1, 4, 2, 5]);
  });

  it('unites the gate of squeeze-and-excitation with what it scales', () => {
    const found = groupsOf((b, x) => {
      const maps = conv(b, x, 4, 'a');
      const narrow = b.relu(b.conv(b.globalAveragePool(maps), { out: 2, kernel: 1, name: 'squeeze' }));
      return b.mul(maps, b.sigmoid(b.conv(narrow, { out: 4, kernel: 1, name: 'excite' })));
    });
    expect(shapes(found)).toEqual([
      ['a', 4],
      ['squeeze', 2],
    ]);
    expect(unitsAlong(found, 'excite.weight', 0)).toEqual([0, 1, 2, 3]);
    expect(unitsAlong(found, 'squeeze.weight', 1)).toEqual([0, 1, 2, 3]);
  });

  it('unites the layers that share a weight', () => {
    const found = groupsOf((b, x) => {
      const left = conv(b, x, 4, 'a');
      const right = b.op('Conv', [b.relu(x), 'a.weight'], { pads: [1, 1, 1, 1] });
      return b.concat([left, right]);
    });
    expect(shapes(found)).toEqual([['a', 4]]);
    expect(unitsAlong(found, 'head.weight', 1)).toEqual([0, 1, 2, 3, 0, 1, 2, 3]);
  });

  it('leaves alone what a subgraph or an unknown operator sees', () => {
    const inner = {
      name: 'branch',
      inputs: [],
      outputs: [{ name: 't', type: undefined }],
      initializers: new Map(),
      sparseInitializers: new Map(),
      valueInfos: new Map(),
    };
    const found = groupsOf((b, x) => {
      const seen = conv(b, x, 4, 'seen');
      const nodes = [makeNode({ opType: 'Neg', inputs: [seen], outputs: ['t'] })];
      const branch = subgraph({ ...inner, nodes });
      const condition = b.constant(Tensor.scalar('bool', 1));
      const chosen = b.op(
        'If',
        [condition],
        { then_branch: branch, else_branch: branch },
        { shape: ['batch', 4, 8, 8] },
      );
      return conv(
        b,
        b.op('Mystery', [conv(b, chosen, 4, 'b')], {}, { domain: 'own', shape: ['batch', 4, 8, 8] }),
        3,
        'c',
      );
    });
    expect(shapes(found)).toEqual([]);
    const layers = new Set(found.fixed.flatMap((each) => each.layers));
    expect(layers).toEqual(new Set(['seen.weight', 'b.weight', 'c.weight', 'head.weight']));
  });

  it('does not follow weights that a caller may replace', () => {
    const b = new GraphBuilder();
    const x = b.relu(conv(b, b.input('x', 'float32', [1, 3, 8, 8]), 4, 'a'));
    b.output('y', conv(b, x, 2, 'last'));
    const model = b.build();
    const weight = { name: 'a.weight', type: { dtype: 'float32' as const, dims: [4, 3, 3, 3] } };
    const open = { ...model, graph: { ...model.graph, inputs: [...model.graph.inputs, weight] } };
    expect(channelGroups(model).unitCount).toBe(4);
    expect(channelGroups(open).unitCount).toBe(0);
  });
});
