/** How a server reads the files that it is given, unless told otherwise: what they say, and what is assumed of them, is logged. */
import type { Logger } from 'pino';
import { openServable, type Plan, type SourceOverrides } from '../plan/index.ts';

/** Reads plans and bare models as `openServable` does. */
export function planOpener(logger: Logger, overrides: SourceOverrides = {}): (file: string) => Promise<Plan> {
  const said = new Map<string, string>();
  return async (file) => {
    const { plan, preprocessingFrom, labelsFrom } = await openServable(file, overrides);
    const { mean, std } = plan.input;
    const told = { model: plan.name, mean, std, preprocessingFrom, labelsFrom };
    // Files are opened again and again, to learn their names and to load them anew.
    const text = JSON.stringify(told);
    if (said.get(file) === text) return plan;
    said.set(file, text);
    // A guess that is wrong costs accuracy without any error.
    if (preprocessingFrom === 'convention') logger.warn(told, 'nothing says how images are normalised: guessed');
    else logger.info(told, 'preprocessing');
    return plan;
  };
}
