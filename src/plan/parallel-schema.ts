/** The shape of a `parallel` node in plan.json, and what its classes must be. */
import { z } from 'zod';
import type { ParallelFields } from './plan.ts';
import { child, didYouMean, finite, show } from './schema-terms.ts';

const perClass = z.array(finite, { error: 'a number a class' });
export const parallelSchema = z.strictObject({
  parallel: z.strictObject(
    {
      other: z.enum(['subtracted', 'dropped'], { error: "'subtracted' or 'dropped'" }),
      priors: z.array(finite.positive({ error: 'above 0' }), { error: 'a probability a label' }).optional(),
      parts: z
        .array(
          z.strictObject(
            {
              classes: z
                .array(z.string({ error: 'one of the labels' }), { error: 'a list of at least 1 of the labels' })
                .min(1, { error: 'a list of at least 1 of the labels' }),
              scale: perClass.optional(),
              bias: perClass.optional(),
              node: child,
            },
            { error: 'an object with classes, node, and perhaps scale and bias' },
          ),
          { error: 'a list of at least 1 part' },
        )
        .min(1, { error: 'a list of at least 1 part' }),
    },
    { error: 'an object with other, parts, and perhaps priors' },
  ),
});

/** How far the sum of priors may be from 1: what rounding makes of it. */
const PRIORS_OFF = 1e-6;

/** What is wrong with the classes of a node that fits its schema; undefined where nothing is. */
export function problemOfParts(
  { parts, priors }: ParallelFields<unknown, string>,
  place: string,
  labels: readonly string[],
): string | undefined {
  const twice = labels.find((label, index) => labels.indexOf(label) !== index);
  if (twice !== undefined) {
    return `labels must all be different for ${place} to name them, received ${show(twice)} twice`;
  }
  const indexOf = new Map(labels.map((label, index) => [label, index]));
  const partOf = new Map<string, string>();
  for (const [index, { classes, scale, bias }] of parts.entries()) {
    const part = `${place}.parts.${index}`;
    for (const [i, name] of classes.entries()) {
      const at = `${part}.classes.${i}`;
      if (!indexOf.has(name))
        return `${at} must be one of the labels, received ${show(name)}${didYouMean([name], labels)}`;
      const other = partOf.get(name);
      if (other !== undefined)
        return `${at} must be in one part only, received ${show(name)}, which is in ${other} too`;
      partOf.set(name, part);
      const before = classes[i - 1];
      if (before !== undefined && Number(indexOf.get(before)) > Number(indexOf.get(name))) {
        return `${part}.classes must be in the order of the labels, received ${show(before)} before ${show(name)}`;
      }
    }
    for (const [field, values] of Object.entries({ scale, bias })) {
      if (values === undefined || values.length === classes.length) continue;
      return `${part}.${field} must be ${classes.length} numbers, one a class, received ${values.length}`;
    }
  }
  const left = labels.filter((label) => !partOf.has(label));
  if (left.length > 0) {
    const more = left.length === 1 ? '' : ` and ${left.length - 1} others`;
    return `${place}.parts must have every label in one of them, received none with ${show(left[0])}${more}`;
  }
  if (priors === undefined) return undefined;
  if (priors.length !== labels.length) {
    return `${place}.priors must be ${labels.length} numbers, one a label, received ${priors.length}`;
  }
  const sum = priors.reduce((total, prior) => total + prior, 0);
  return Math.abs(sum - 1) <= PRIORS_OFF ? undefined : `${place}.priors must be 1 in sum, received ${sum}`;
}
