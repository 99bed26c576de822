/**
 * Architectures by name: a size (`resnet20`) or a family (`resnet`), then the parameters that the name leaves open:
 * `vgg19:width=0.5`, `resnext56:cardinality=8,width=4`, `resnet:depth=14`.
 */
import { nearestName, SkeinError } from '../base/index.ts';
import { FAMILIES } from './families.ts';
import type { Family, Parameter } from './family.ts';

export interface Architecture {
  /** As it is asked for, parameters that have their default left out: the same network has the same name. */
  readonly name: string;
  /** Its size or family alone. */
  readonly base: string;
  readonly family: Family;
  /** A value for each of the family's parameters. */
  readonly parameters: Readonly<Record<string, number>>;
}

interface Base {
  readonly family: Family;
  readonly familyName: string;
  readonly fixed: Readonly<Record<string, number | undefined>>;
}

const BASES: ReadonlyMap<string, Base> = new Map(
  Object.entries(FAMILIES).flatMap(([familyName, family]): [string, Base][] => [
    [familyName, { family, familyName, fixed: {} }],
    ...Object.entries(family.sizes).map(([size, fixed]): [string, Base] => [size, { family, familyName, fixed }]),
  ]),
);

/** The sizes that have a name, smaller ones of a family first. */
export function zooNames(): string[] {
  return Object.values(FAMILIES).flatMap(({ sizes }) => Object.keys(sizes));
}

/** @throws SkeinError 'invalid-argument' that says what exists, and what was likely meant */
export function parseArchitecture(text: string): Architecture {
  const [name = '', ...rest] = text.trim().split(':');
  const base = BASES.get(name);
  if (base === undefined) {
    throw new SkeinError(
      'invalid-argument',
      `There is no architecture '${name}'${hint(name, BASES.keys())}: the zoo has ${zooNames().join(', ')}, and any size of ${Object.keys(FAMILIES).join(', ')}`,
    );
  }
  const given = parseGiven(text, name, base, rest.join(':'));
  const { parameters } = base.family;
  const values: Record<string, number> = {};
  const written: string[] = [];
  for (const [key, parameter] of Object.entries(parameters)) {
    const value = given.get(key) ?? base.fixed[key] ?? parameter.default;
    if (value === undefined) {
      throw new SkeinError(
        'invalid-argument',
        `Architecture '${name}' needs ${key} (${parameter.about}), received '${text}': write ${name}:${key}=…, or take one of ${Object.keys(base.family.sizes).join(', ')}`,
      );
    }
    values[key] = value;
    if (given.has(key) && value !== parameter.default) written.push(`${key}=${value}`);
  }
  return {
    name: written.length === 0 ? name : `${name}:${written.join(',')}`,
    base: name,
    family: base.family,
    parameters: values,
  };
}

function parseGiven(text: string, name: string, base: Base, list: string): Map<string, number> {
  const { family, familyName, fixed } = base;
  const open = Object.keys(family.parameters).filter((key) => fixed[key] === undefined);
  const given = new Map<string, number>();
  if (!text.includes(':')) return given;
  for (const part of list.split(',')) {
    const [key = '', value, ...more] = part.split('=').map((word) => word.trim());
    const refuse = (expected: string): SkeinError =>
      new SkeinError('invalid-argument', `Architecture '${name}' ${expected}, received '${part.trim()}'`);
    const parameter = Object.hasOwn(family.parameters, key) ? family.parameters[key] : undefined;
    if (parameter === undefined) {
      const takes = open.map((each) => `${each} (${family.parameters[each]?.about})`).join(', ');
      throw refuse(`takes ${takes === '' ? 'no parameters' : takes} as key=value${hint(key, open)}`);
    }
    if (fixed[key] !== undefined) {
      throw refuse(`has ${key} ${fixed[key]} by its name: write ${familyName}:${key}=… for another one`);
    }
    if (given.has(key)) throw refuse(`takes each parameter once`);
    const number = value === undefined || value === '' || more.length > 0 ? Number.NaN : Number(value);
    if (!allowed(parameter, number)) throw refuse(`needs for ${key} (${parameter.about}) ${expectation(parameter)}`);
    given.set(key, number);
  }
  return given;
}

function allowed({ values }: Parameter, value: number): boolean {
  if (!Number.isFinite(value)) return false;
  if (values === undefined) return value > 0;
  if (!('step' in values)) return values.includes(value);
  return value >= values.from && (value - values.from) % values.step === 0;
}

function expectation({ values }: Parameter): string {
  if (values === undefined) return 'a number above 0';
  if (!('step' in values)) return `one of ${values.join(', ')}`;
  if (values.step === 1) return `a whole number from ${values.from}`;
  return `one of ${[0, 1, 2].map((i) => values.from + i * values.step).join(', ')}, …`;
}

function hint(word: string, names: Iterable<string>): string {
  const nearest = nearestName(word, names);
  return nearest === undefined ? '' : ` (did you mean '${nearest}'?)`;
}
