/** Says where a model's mean, std and labels come from, alike in every command. */
import type { Origin, Servable } from '../plan/index.ts';

export const SOURCES: { readonly [From in Origin]: string } = {
  plan: 'the plan',
  overrides: 'the options of the call',
  metadata: "the model's metadata",
  'models.json': 'models.json',
  convention: 'convention',
};

export const GUESSED = 'nothing says how images are normalised: guessed';

/** A guess that is wrong costs accuracy without any error. */
export function isGuessed({ preprocessingFrom }: Servable): boolean {
  return preprocessingFrom === 'convention';
}

export function originLine({ preprocessingFrom, labelsFrom }: Servable): string {
  return `mean and std from ${SOURCES[preprocessingFrom]}, labels from ${SOURCES[labelsFrom]}`;
}

/** The line that `skein serve` logs, for people. */
export function noteGuess(servable: Servable, warn: (line: string) => void): void {
  const { name, input } = servable.plan;
  if (isGuessed(servable))
    warn(`model '${name}': ${GUESSED} mean ${input.mean.join(',')} and std ${input.std.join(',')}`);
}
