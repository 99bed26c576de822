/**
 * Numbers given by name after a colon, `name:key=value,key=value`, as architectures and drawn data take them: read, checked
 * against what may be given, and refused in words that say what there is.
 */
import { SkeinError } from './errors.ts';
import { nearestName } from './nearest-name.ts';

export interface Parameter {
  /** For help texts: 'layers', 'multiplies the channels'. */
  readonly about: string;
  /** Without one it must be given. */
  readonly default?: number;
  /** What it may be: one of a list, or `from`, `from + step`, …, or `least` to `most`; any number above 0 where absent. */
  readonly values?:
    | readonly number[]
    | { readonly from: number; readonly step: number }
    | { readonly least: number; readonly most: number };
}

export interface ParameterNames {
  /** What takes them, for messages: `Architecture 'vgg19'`. */
  readonly subject: string;
  readonly parameters: Readonly<Record<string, Parameter>>;
  /** Why a parameter cannot be given, for messages: `has depth 19 by its name`; undefined where it can. */
  readonly closed?: (key: string) => string | undefined;
}

/**
 * @param list what follows the colon
 * @returns what was given, without the defaults
 * @throws {SkeinError} 'invalid-argument' for the first part that is not a known key with an allowed value, given once
 */
export function parseParameters(list: string, { subject, parameters, closed }: ParameterNames): Map<string, number> {
  const open = Object.keys(parameters).filter((key) => closed?.(key) === undefined);
  const given = new Map<string, number>();
  for (const part of list.split(',')) {
    const [key = '', value, ...more] = part.split('=').map((word) => word.trim());
    const refuse = (expected: string): SkeinError =>
      new SkeinError('invalid-argument', `${subject} ${expected}, received '${part.trim()}'`);
    const parameter = Object.hasOwn(parameters, key) ? parameters[key] : undefined;
    if (parameter === undefined) {
      const takes = open.map((each) => `${each} (${parameters[each]?.about})`).join(', ');
      throw refuse(`takes ${takes === '' ? 'no parameters' : takes} as key=value${didYouMean(key, open)}`);
    }
    const reason = closed?.(key);
    if (reason !== undefined) throw refuse(reason);
    if (given.has(key)) throw refuse(`takes each parameter once`);
    const number = value === undefined || value === '' || more.length > 0 ? Number.NaN : Number(value);
    if (!allowed(parameter, number)) throw refuse(`needs for ${key} (${parameter.about}) ${expectation(parameter)}`);
    given.set(key, number);
  }
  return given;
}

/** ` (did you mean 'x'?)`, or nothing where no name is near. */
export function didYouMean(word: string, names: Iterable<string>): string {
  const nearest = nearestName(word, names);
  return nearest === undefined ? '' : ` (did you mean '${nearest}'?)`;
}

function allowed({ values }: Parameter, value: number): boolean {
  if (!Number.isFinite(value)) return false;
  if (values === undefined) return value > 0;
  if ('step' in values) return value >= values.from && (value - values.from) % values.step === 0;
  if ('least' in values) return value >= values.least && value <= values.most;
  return values.includes(value);
}

function expectation({ values }: Parameter): string {
  if (values === undefined) return 'a number above 0';
  if ('least' in values) return `a number from ${values.least} to ${values.most}`;
  if (!('step' in values)) return `one of ${values.join(', ')}`;
  if (values.step === 1) return `a whole number from ${values.from}`;
  return `one of ${[0, 1, 2].map((i) => values.from + i * values.step).join(', ')}, …`;
}
