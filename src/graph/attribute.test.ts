import { expect, it } from 'vitest';
import { float, getInt, makeAttribute } from './attribute.ts';
import { makeNode } from './node.ts';

it('makeAttribute() takes whole numbers for ints, except under the names that ONNX uses for floats', () => {
  expect(makeAttribute('axis', 1)).toEqual({ kind: 'int', value: 1n });
  expect(makeAttribute('alpha', 1)).toEqual({ kind: 'float', value: 1 });
  expect(makeAttribute('anything', 0.5)).toEqual({ kind: 'float', value: 0.5 });
  expect(makeAttribute('pads', [1, 2])).toEqual({ kind: 'ints', value: [1n, 2n] });
  expect(makeAttribute('scales', [1, 2])).toEqual({ kind: 'floats', value: [1, 2] });
  expect(makeAttribute('ceil_mode', true)).toEqual({ kind: 'int', value: 1n });
  expect(makeAttribute('own', float(3))).toEqual({ kind: 'float', value: 3 });
  expect(makeAttribute('epsilon', 1e-5)).toEqual({ kind: 'float', value: 9.999999747378752e-6 });
});

it('readers name the node whose attribute is of another kind', () => {
  const node = makeNode({ opType: 'Concat', inputs: [], outputs: ['y'], name: 'join', attributes: { axis: 'x' } });
  expect(() => getInt(node, 'axis', 0)).toThrow(
    "Attribute 'axis' of node 'join' (Concat) must be of kind 'int', received 'string'",
  );
});
