/**
 * Architectures by name: a size (`resnet20`) or a family (`resnet`), then the parameters that the name leaves open:
 * `vgg19:width=0.5`, `resnext56:cardinality=8,width=4`, `resnet:depth=14`.
 */
import { didYouMean, parseParameters, SkeinError } from '../base/index.ts';
import { FAMILIES } from './families.ts';
import type { Family } from './family.ts';

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
      `There is no architecture '${name}'${didYouMean(name, BASES.keys())}: the zoo has ${zooNames().join(', ')}, and any size of ${Object.keys(FAMILIES).join(', ')}`,
    );
  }
  const { fixed, familyName } = base;
  const { parameters } = base.family;
  const closed = (key: string) =>
    fixed[key] === undefined
      ? undefined
      : `has ${key} ${fixed[key]} by its name: write ${familyName}:${key}=… for another one`;
  const given = text.includes(':')
    ? parseParameters(rest.join(':'), { subject: `Architecture '${name}'`, parameters, closed })
    : new Map<string, number>();
  const values: Record<string, number> = {};
  const written: string[] = [];
  for (const [key, parameter] of Object.entries(parameters)) {
    const value = given.get(key) ?? fixed[key] ?? parameter.default;
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
