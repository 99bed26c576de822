/**
 * The classes of drawn data: ten outlines in whatever colour, or each of them in each of ten hues (`circle-azure` to
 * `triangle-violet`), and after them perhaps one that is new.
 */
import type { Drawn } from './draw-shape.ts';
import { NEW_OUTLINE, OUTLINES } from './shape-outlines.ts';

/** In degrees, 36 apart; in alphabetical order. */
const HUES: Readonly<Record<string, number>> = {
  azure: 216,
  cyan: 180,
  emerald: 144,
  green: 108,
  indigo: 252,
  lime: 72,
  orange: 36,
  red: 0,
  rose: 324,
  violet: 288,
};

export interface ShapeClass extends Drawn {
  readonly name: string;
}

/** The label is the index in here: alphabetical, but for the new class, so that the others keep their labels. */
export function shapeClasses(classes: 10 | 100, newClass: boolean): readonly ShapeClass[] {
  const outlines = Object.entries(OUTLINES).map(([name, outline]) => ({ name, outline }));
  const all: ShapeClass[] =
    classes === 10
      ? outlines
      : outlines.flatMap(({ name, outline }) =>
          Object.entries(HUES).map(([hueName, hue]) => ({ name: `${name}-${hueName}`, outline, hue })),
        );
  return newClass ? [...all, { name: 'arrow', outline: NEW_OUTLINE }] : all;
}
