import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../ops/index.ts';
import { weightLayersOf } from '../transforms/index.ts';
import { checkRankFlags, givenRanks, readRank } from './rank-words.ts';

it('readRank() gathers layers', () => {
  const words = readRank('a=spatial:8', readRank('layer1.0.conv1=32,48'));
  expect(words).toEqual([
    { layer: 'layer1.0.conv1', ranks: [32, 48] },
    { layer: 'a', kind: 'spatial', ranks: [8] },
  ]);
  for (const text of ['a', 'a=', '=3', 'a=b:3', 'a=1,2,3', 'a=-1'])
    expect(() => readRank(text)).toThrow(/Expected 'layer/);
});

describe('givenRanks()', () => {
  const b = new GraphBuilder();
  const x = b.conv(b.input('x', 'float32', ['n', 4, 9, 9]), { out: 8, kernel: 3 });
  b.output('y', b.conv(b.conv(x, { out: 8, kernel: 1 }), { out: 8, kernel: 3, groups: 2 }));
  const layers = weightLayersOf(b.build());

  it('knows layers by node, weight and stem, and the kind by the ranks', () => {
    const words = [
      readRank('/conv1/Conv=5,6'),
      readRank('conv1.weight=9'),
      readRank('conv2=4'),
      readRank('conv1=svd:3'),
    ];
    const found = words.map((word) => {
      const policy = givenRanks(word, layers);
      return policy.by === 'given' && [...policy.ranks];
    });
    expect(found).toEqual([
      [['/conv1/Conv', { kind: 'tucker2', ranks: [5, 6] }]],
      [['/conv1/Conv', { kind: 'spatial', ranks: [9] }]],
      [['/conv2/Conv', { kind: 'svd', ranks: [4] }]],
      [['/conv1/Conv', { kind: 'svd', ranks: [3] }]],
    ]);
  });

  it('refuses names that are none, and layers that cannot be split', () => {
    expect(() => givenRanks(readRank('conv9=4'), layers)).toThrow(
      "no layer 'conv9' with weights (did you mean 'conv1'?)",
    );
    expect(() => givenRanks(readRank('conv3=4'), layers)).toThrow(
      "'conv3' cannot be factorized: its channels are in groups",
    );
  });
});

it('checkRankFlags() wants one way', () => {
  checkRankFlags({});
  checkRankFlags({ energy: 0.5 });
  expect(() => checkRankFlags({ evbmf: true, energy: 0.5 })).toThrow('received --evbmf and --energy');
});
