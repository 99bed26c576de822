/** Ctrl-C while a training is made ready, when there is nothing yet to finish or to save: a line says so, and it ends. */

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Listens from now on.
 * @param kept what an earlier call left and is as it was
 * @returns ends it: from here on somebody else listens
 */
export function endsBeforeFirstStep(kept: string | undefined): () => void {
  const untouched = kept === undefined ? 'nothing was begun, nothing is saved' : `'${kept}' is as it was`;
  const end = (): void => {
    process.stderr.write(`error: stopped before the first step: ${untouched}\n`);
    process.exit(130);
  };
  for (const signal of SIGNALS) process.once(signal, end);
  return () => {
    for (const signal of SIGNALS) process.off(signal, end);
  };
}
