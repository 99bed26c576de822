/**
 * Parts that answer together as one model of one session: the parts' scores, calibrated and joined as a `parallel` node does
 * it, are a product at the end, so that what comes out is a plain classifier of all classes, of logits.
 */
import { SkeinError } from '../../base/index.ts';
import type { Model } from '../../graph/index.ts';
import { inferShapes } from '../../ops/index.ts';
import { groupedModel, linearScores, sideBySide } from '../../transforms/index.ts';
import type { OtherUse } from '../combine/choose-combination.ts';

/** Each part as it is beside the others, or all as the groups of one network. */
export type MergedForm = 'side-by-side' | 'grouped';

export interface PartToMerge {
  /** Scores ['other', c₁ … cₘ], or one logit, of float32 images. */
  readonly model: Model;
  /** Numbers of its classes among all, ascending. */
  readonly classes: readonly number[];
  /** Calibration of each class, scale · score + bias; 1 and 0 unless told. */
  readonly scale?: readonly number[] | undefined;
  readonly bias?: readonly number[] | undefined;
}

const FORMS: { readonly [Form in MergedForm]: (models: readonly Model[]) => Model } = {
  'side-by-side': sideBySide,
  grouped: groupedModel,
};

/**
 * One model of logits [batch, classes of all parts], in the order of their numbers.
 * @param parts each class from 0 on in exactly one
 * @throws SkeinError 'unsupported' where they cannot be merged in this form, see `sideBySide` and `groupedModel`;
 * 'invalid-argument' where a part's scores are not of its classes
 */
export function mergedModel(form: MergedForm, parts: readonly PartToMerge[], other: OtherUse): Model {
  return joinedScores(FORMS[form](parts.map(({ model }) => model)), parts, other);
}

/** @param merged of the scores of all parts, one behind the other. @returns that with logits of all classes */
export function joinedScores(merged: Model, parts: readonly PartToMerge[], other: OtherUse): Model {
  const widths = parts.map(({ model }, i) => widthOf(model, parts[i]?.classes.length ?? 0, i));
  const total = widths.reduce((sum, width) => sum + width, 0);
  const count = parts.reduce((sum, { classes }) => sum + classes.length, 0);
  const weights = Array.from({ length: count }, () => new Array<number>(total).fill(0));
  const biases = new Array<number>(count).fill(0);
  let start = 0;
  for (const [part, { classes, scale, bias }] of parts.entries()) {
    const width = widths[part] as number;
    for (const [i, c] of classes.entries()) {
      const row = weights[c] as number[];
      const factor = scale?.[i] ?? 1;
      // A single logit is held against a score of 0 for 'other'.
      row[start + (width === 1 ? 0 : i + 1)] = factor;
      if (width > 1 && other === 'subtracted') row[start] = -factor;
      biases[c] = bias?.[i] ?? 0;
    }
    start += width;
  }
  return linearScores(merged, weights, biases);
}

/** How many scores the part has. */
function widthOf(model: Model, classes: number, part: number): number {
  const width = inferShapes(model).get(model.graph.outputs[0]?.name ?? '')?.dims?.[1];
  if (width === classes + 1 || (width === 1 && classes === 1)) return width;
  throw new SkeinError(
    'invalid-argument',
    `Cannot merge part ${part + 1}: expected ${classes + 1} scores, 'other' and the ${classes} of its classes, received ${width ?? 'none'}`,
  );
}
