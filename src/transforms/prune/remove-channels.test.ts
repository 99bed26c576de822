import { describe, expect, it } from 'vitest';
import { type Model, Tensor } from '../../graph/index.ts';
import { GraphBuilder } from '../../ops/index.ts';
import { channelGroups } from '../channels/index.ts';
import { removeChannels } from './remove-channels.ts';
import { takeAlong } from './take-along.ts';

const dims = (model: Model): Record<string, readonly number[]> =>
  Object.fromEntries([...model.graph.initializers].map(([name, tensor]) => [name, tensor.dims]));

function network(make: (b: GraphBuilder, x: string) => string): Model {
  const b = new GraphBuilder();
  b.output('y', make(b, b.input('x', 'float32', ['batch', 3, 4, 4])));
  return b.build();
}

const attribute = (model: Model, opType: string, name: string) =>
  model.graph.nodes.find((node) => node.opType === opType)?.attributes.get(name);

/** The numbers that input `i` of the first node of a type holds. */
function input(model: Model, opType: string, i: number) {
  const name = model.graph.nodes.find((node) => node.opType === opType)?.inputs[i] ?? '';
  return model.graph.initializers.get(name)?.elements();
}

describe('removeChannels()', () => {
  it('takes a slice of every parameter', () => {
    const model = network((b, x) => {
      const maps = b.batchNorm(b.conv(x, { out: 4, kernel: 3, padding: 1, name: 'a' }));
      return b.linear(b.flatten(b.relu(maps)), { out: 2, name: 'head' });
    });
    const pruned = removeChannels(model, channelGroups(model), [1, 3]);
    expect(dims(pruned)).toMatchObject({
      'a.weight': [2, 3, 3, 3],
      'a.bias': [2],
      'bn1.weight': [2],
      'bn1.running_var': [2],
      'head.weight': [2, 32],
      'head.bias': [2],
    });
    const rows = model.graph.initializers.get('a.weight')?.elements() ?? [];
    expect(pruned.graph.initializers.get('a.weight')?.elements()).toEqual([
      ...rows.slice(0, 27),
      ...rows.slice(54, 81),
    ]);
  });

  it('writes groups, pads, parts, cuts and shapes anew', () => {
    const model = network((b, x) => {
      const stem = b.conv(x, { out: 4, kernel: 1, name: 'stem' });
      const wide = b.pad(b.conv(stem, { out: 4, kernel: 3, padding: 1, groups: 4 }), [0, 1, 0, 0, 0, 1, 0, 0]);
      const [left = '', right = ''] = b.split(wide, [3, 3]);
      const cut = b.slice(b.concat([right, left]), [{ axis: 1, start: 1, end: 4 }]);
      return b.linear(b.reshape(cut, [-1, 48]), { out: 2 });
    });
    const groups = channelGroups(model);
    // The second channel of the stem; wide is now [0, s0, | s2, s3, 0], and what is cut out of it [s3, 0, (0), …].
    const stem = groups.groups.find(({ name }) => name === 'stem')?.units ?? [];
    const pruned = removeChannels(model, groups, [stem[1] ?? 0]);
    expect(attribute(pruned, 'Conv', 'group')).toMatchObject({ value: 1n });
    expect(pruned.graph.nodes.filter(({ opType }) => opType === 'Conv')[1]?.attributes.get('group')).toMatchObject({
      value: 3n,
    });
    expect(input(pruned, 'Split', 1)).toEqual([2, 3]);
    expect(input(pruned, 'Slice', 1)).toEqual([1]);
    expect(input(pruned, 'Slice', 2)).toEqual([4]);
    expect(input(pruned, 'Reshape', 1)).toEqual([-1, 48]);
    const both = removeChannels(model, groups, [stem[2] ?? 0, stem[3] ?? 0]);
    expect(input(both, 'Split', 1)).toEqual([3, 1]);
    expect([input(both, 'Slice', 1), input(both, 'Slice', 2)]).toEqual([[0], [2]]);
    expect(input(both, 'Reshape', 1)).toEqual([-1, 32]);
  });

  it('writes a shuffle that is no longer regular as one Gather', () => {
    const model = network((b, x) => {
      const mixed = b.channelShuffle(b.conv(x, { out: 6, kernel: 1 }), 2);
      return b.conv(mixed, { out: 2, kernel: 1 });
    });
    const pruned = removeChannels(model, channelGroups(model), [1]);
    expect(pruned.graph.nodes.map(({ opType }) => opType)).toEqual(['Conv', 'Gather', 'Conv']);
    // 0 3 (1) 4 2 5 without 1, and those above it one down.
    expect(input(pruned, 'Gather', 1)).toEqual([0, 2, 3, 1, 4]);
  });

  it('refuses to leave a layer without channels, and units that are not there', () => {
    const model = network((b, x) => b.conv(b.conv(x, { out: 2, kernel: 1 }), { out: 2, kernel: 1 }));
    const groups = channelGroups(model);
    expect(() => removeChannels(model, groups, [0, 1])).toThrow(
      "Cannot remove all 2 channels of 'conv1.weight': at least one must stay",
    );
    expect(() => removeChannels(model, groups, [2])).toThrow('the model has units 0 to 1');
    expect(removeChannels(model, groups, [])).toBe(model);
  });

  it('refuses the groups of another model', () => {
    const of = (out: number) => network((b, x) => b.conv(b.conv(x, { out, kernel: 1 }), { out: 2, kernel: 1 }));
    expect(() => removeChannels(of(6), channelGroups(of(4)), [0])).toThrow(/the groups must be those of this model/);
  });
});

it('takeAlong() takes indices of two axes', () => {
  const tensor = Tensor.of(
    'int16',
    [2, 3, 2],
    Array.from({ length: 12 }, (_, i) => i),
  );
  const taken = takeAlong(
    tensor,
    new Map([
      [0, Int32Array.of(1)],
      [1, Int32Array.of(2, 0)],
    ]),
  );
  expect([taken.dims, taken.elements()]).toEqual([
    [1, 2, 2],
    [10, 11, 6, 7],
  ]);
  expect(takeAlong(tensor, new Map([[2, Int32Array.of(1)]])).elements()).toEqual([1, 3, 5, 7, 9, 11]);
});
