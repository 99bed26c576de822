import { describe, expect, it } from 'vitest';
import { type ParameterNames, parseParameters } from './parameters.ts';

const NAMES: ParameterNames = {
  subject: "Thing 'x'",
  parameters: {
    depth: { about: 'layers', values: { from: 8, step: 6 } },
    light: { about: 'strength', values: { least: 0, most: 1 } },
    mode: { about: 'kind', values: [10, 100] },
    width: { about: 'factor' },
  },
  closed: (key) => (key === 'depth' ? 'has depth 20 by its name' : undefined),
};

// The zoo's tests have the other forms.
describe('parseParameters()', () => {
  it('reads what is given, spaces aside', () => {
    const given = parseParameters(' light=0.5 , mode = 100,width=2e1', NAMES);
    expect(Object.fromEntries(given)).toEqual({ light: 0.5, mode: 100, width: 20 });
    expect(parseParameters('light=0', NAMES).get('light')).toBe(0);
    expect(parseParameters('light=1', NAMES).get('light')).toBe(1);
  });

  it.each([
    ['light=1.01', "Thing 'x' needs for light (strength) a number from 0 to 1, received 'light=1.01'"],
    ['light=-0.1', 'needs for light (strength) a number from 0 to 1'],
    ['light=', 'needs for light (strength) a number from 0 to 1'],
    ['light=a', 'needs for light (strength) a number from 0 to 1'],
    ['mode=11', "needs for mode (kind) one of 10, 100, received 'mode=11'"],
    ['depth=14', "Thing 'x' has depth 20 by its name, received 'depth=14'"],
    ['width=1,light=1,width=1', "takes each parameter once, received 'width=1'"],
    ['ligth=1', "takes light (strength), mode (kind), width (factor) as key=value (did you mean 'light'?)"],
    ['', "as key=value, received ''"],
    ['light=1,', "as key=value, received ''"],
    ['toString=1', "as key=value, received 'toString=1'"],
  ])('refuses %j', (list, message) => {
    expect(() => parseParameters(list, NAMES)).toThrow(message);
    expect(() => parseParameters(list, NAMES)).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
  });
});
