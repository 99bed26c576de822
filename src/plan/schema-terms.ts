/**
 * What the schemas of a plan's parts are made of. Every message completes the sentence "<place> must be …, received …".
 */
import { z } from 'zod';
import { nearestName } from '../base/index.ts';

export const finite = z.number({ error: 'a number' });
export const positiveInteger = z.int({ error: 'a whole number from 1' }).min(1, { error: 'a whole number from 1' });

/** Another node: checked by itself, one that is missing too. */
export const child = z.unknown().optional();

/** What a misspelt one of these words may have meant, as the end of a sentence; '' where nothing is near. */
export function didYouMean(words: readonly string[], known: readonly string[]): string {
  for (const word of words) {
    const meant = nearestName(word, known);
    if (meant !== undefined) return `: did you mean '${meant}'?`;
  }
  return '';
}

/** What was received, short enough for a message. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
