/** What may follow `shapes:` where data is named: how many classes, and how the images have drifted. */
import { type Parameter, parseParameters } from '../../base/index.ts';
import { DEFAULT_STYLE, type ShapeStyle } from './draw-shape.ts';

export interface ShapesOptions {
  /** 10: the outlines; 100: each outline in each of ten hues. */
  readonly classes: 10 | 100;
  /** Strengths of drift, 0 to 1: darker light, stronger noise of the sensor, a lens out of focus. */
  readonly light: number;
  readonly noise: number;
  readonly blur: number;
  /** The share of images of a class that the set does not have otherwise; it is the last one. Absent from the names at 0. */
  readonly newclass: number;
  /** How far the mix of classes shifts from the first image to the last; see `shapeLabels`. */
  readonly mix: number;
}

type Name = keyof ShapesOptions;

const PARAMETERS: Readonly<Record<Name, Parameter & { readonly default: number }>> = {
  classes: { about: 'number of classes', default: 10, values: [10, 100] },
  light: strength('how much darker it is'),
  noise: strength('how much noise is added'),
  blur: strength('how far out of focus'),
  newclass: strength('share of images of a class that is new'),
  mix: strength('how far the mix of classes shifts'),
};

function strength(about: string): Parameter & { readonly default: number } {
  return { about, default: 0, values: { least: 0, most: 1 } };
}

/** Whether `source` names drawn data: `shapes`, or `shapes:` and what follows. */
export function isShapes(source: string): boolean {
  return source === 'shapes' || source.startsWith('shapes:');
}

/**
 * @param source for which {@link isShapes} holds
 * @throws {SkeinError} 'invalid-argument' that says what there is
 */
export function parseShapes(source: string): ShapesOptions {
  const list = source.slice('shapes:'.length);
  const given = source.includes(':')
    ? parseParameters(list, { subject: "Data 'shapes'", parameters: PARAMETERS })
    : new Map<string, number>();
  const values = Object.entries(PARAMETERS).map(([key, parameter]) => [key, given.get(key) ?? parameter.default]);
  return Object.fromEntries(values) as ShapesOptions;
}

/** How images look after this drift. The same scene is drawn as without. */
export function driftedStyle({ light, noise, blur }: Pick<ShapesOptions, 'light' | 'noise' | 'blur'>): ShapeStyle {
  const dim = 1 - 0.7 * light;
  const more = 0.2 * noise;
  return {
    ...DEFAULT_STYLE,
    light: [DEFAULT_STYLE.light[0] * dim, DEFAULT_STYLE.light[1] * dim],
    noise: [DEFAULT_STYLE.noise[0] + more, DEFAULT_STYLE.noise[1] + more],
    blur: 2 * blur,
  };
}
