import { describe, expect, it } from 'vitest';
import { atChance } from './at-chance.ts';

const score = (loss: number) => ({ loss, accuracy: 0.1, images: 1000 });
const chance = (loss: number, heldOut?: number, step = 100) =>
  atChance({
    report: { epoch: 1, training: score(loss), ...(heldOut !== undefined && { validation: score(heldOut) }) },
    step,
    classes: 10,
    rate: 0.1,
  });

describe('atChance()', () => {
  it('names the loss, the rate and what to try', () => {
    expect(chance(2.3051)).toBe(
      'after epoch 1 the loss, 2.305, is still that of guessing, ln 10 = 2.303, at a rate of 0.1: if it stays there try a lower --rate, 0.01 say, --warmup, or more epochs',
    );
    expect(chance(3)).toContain('the loss, 3.000,');
  });

  it('is silent where something was learned, be it on held-out images only, and before there were steps enough', () => {
    expect(chance(2.2)).toBeUndefined();
    expect(chance(2.35, 1.9)).toBeUndefined();
    expect(chance(2.4, 2.31)).toContain('the loss, 2.310,');
    expect(chance(2.35, undefined, 29)).toBeUndefined();
  });
});
