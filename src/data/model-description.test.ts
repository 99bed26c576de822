import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../ops/index.ts';
import { descriptionOf, withDescription } from './model-description.ts';

const b = new GraphBuilder();
b.output('y', b.linear(b.flatten(b.input('x', 'float32', ['n', 3, 4, 4])), { out: 2 }));
const model = { ...b.build(), metadata: new Map([['author', 'somebody']]) };
const preprocessing = { shape: [3, 4, 4], mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } as const;

describe('withDescription()', () => {
  it('says labels, mean, std and training beside what the metadata had, as JSON', () => {
    const described = withDescription(model, { labels: ['a', 'b'], preprocessing, trained: { epochs: 5 } });
    expect(Object.fromEntries(described.metadata)).toEqual({
      author: 'somebody',
      labels: '["a","b"]',
      mean: '[0.5,0.5,0.5]',
      std: '[0.25,0.25,0.25]',
      trained: '{"epochs":5}',
    });
    expect(model.metadata.size).toBe(1);
  });

  it('leaves how it was trained as it is where nothing is said of that', () => {
    const before = { ...model, metadata: new Map([['trained', '{"epochs":1}']]) };
    expect(withDescription(before, { labels: [], preprocessing }).metadata.get('trained')).toBe('{"epochs":1}');
  });
});

describe('descriptionOf()', () => {
  it('gives back what was described', () => {
    const { mean, std } = preprocessing;
    expect(descriptionOf(withDescription(model, { labels: ['a', 'b'], preprocessing }))).toEqual({
      labels: ['a', 'b'],
      mean,
      std,
    });
  });

  it('passes over what is not meant for Skein', () => {
    const metadata = new Map([
      ['labels', 'labels.txt'],
      ['mean', '0.5'],
      ['std', '["wide"]'],
    ]);
    expect(descriptionOf({ ...model, metadata })).toEqual({ labels: undefined, mean: undefined, std: undefined });
  });
});
