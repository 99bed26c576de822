import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../ops/index.ts';
import { scoreScaleOf } from './score-scale.ts';

const scaleAfter = (...opTypes: string[]) => {
  const b = new GraphBuilder();
  let x = b.input('x', 'float32', ['n', 4]);
  for (const opType of opTypes) x = b.op(opType, [x]);
  b.output('y', x);
  return scoreScaleOf(b.build(), 'y', 4);
};

describe('scoreScaleOf()', () => {
  it('goes by the operator that makes the scores, through those that hand them on', () => {
    expect(scaleAfter('Softmax')).toBe('probabilities');
    expect(scaleAfter('Softmax', 'Identity', 'Flatten')).toBe('probabilities');
    expect(scaleAfter('LogSoftmax')).toBe('logits');
    expect(scaleAfter('Softmax', 'Log')).toBe('logits');
    expect(scaleAfter('Relu')).toBe('logits');
    expect(scaleAfter('Sigmoid')).toBe('logits');
  });
});
