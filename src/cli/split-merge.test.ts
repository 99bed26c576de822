import { describe, expect, it } from 'vitest';
import { Meter } from '../compress/index.ts';
import type { Model } from '../graph/index.ts';
import { GraphBuilder } from '../ops/index.ts';
import type { ChosenCombination } from '../split/index.ts';
import type { SplitContext } from './split-context.ts';
import { mergedOf } from './split-merge.ts';

/** Of one logit; what a function stands for is not known where parts become one. */
function part(name: string): Model {
  const b = new GraphBuilder({ seed: 1 });
  const maps = b.conv(b.input('x', 'float32', ['n', 3, 4, 4]), { out: 4, kernel: 3 });
  b.output('y', b.linear(b.flatten(b.globalAveragePool(maps)), { out: 1 }));
  const definition = {
    ...{ domain: 'mine', name, opsets: new Map(), inputs: [], outputs: [] },
    ...{ attributes: new Map(), nodes: [], valueInfos: new Map() },
  };
  return { ...b.build(), functions: [definition] };
}

const COMBINATION = { other: 'dropped', calibrated: false } as unknown as ChosenCombination;

describe('mergedOf()', () => {
  it.each(['auto', 'always'] as const)(
    'tells why parts cannot be one, and leaves the plan what it is: %s',
    async (when) => {
      const told: string[] = [];
      const tell = (line: string): void => void told.push(line);
      const meter = new Meter();
      const context = { meter, preprocessing: { shape: [3, 4, 4] }, output: { note: tell, warn: tell } };
      const parts = ['a', 'b'].map((name, i) => ({ name, classes: [i], model: part(name) }));
      try {
        const merged = mergedOf(context as unknown as SplitContext, parts, COMBINATION, when);
        await expect(merged).resolves.toBeUndefined();
      } finally {
        await meter.close();
      }
      expect(told).toEqual([
        'the parts are not merged: Cannot merge model 1 with the others: it must have no functions, received 1',
      ]);
    },
  );
});
