/** The contract of every transformation of a model, and the runner that holds passes to it. */
import { messageOf, SkeinError } from '../base/index.ts';
import { type Model, validateModel } from '../graph/index.ts';
import { inferShapes } from '../ops/index.ts';

export interface PassResult {
  readonly model: Model;
  /** False if and only if `model` is the one that was given. */
  readonly changed: boolean;
}

export interface Pass {
  /** Kebab-case, as it stands in messages. */
  readonly name: string;
  /** Pure: the given model stays as it is. */
  readonly apply: (model: Model) => PassResult;
}

/**
 * Applies the passes in order, and checks after each that the graph is whole and its shapes agree.
 * @throws SkeinError 'invalid-argument' if the model was broken before, 'internal' naming the pass that broke it
 */
export function runPasses(model: Model, passes: readonly Pass[]): PassResult {
  check(model);
  let current = model;
  for (const pass of passes) {
    const { model: next, changed } = pass.apply(current);
    if (changed !== (next !== current)) {
      throw new SkeinError('internal', `Pass '${pass.name}' must say whether it changed the model, it said ${changed}`);
    }
    if (!changed) continue;
    try {
      check(next);
    } catch (error) {
      throw new SkeinError('internal', `Pass '${pass.name}' broke the model: ${messageOf(error)}`, { cause: error });
    }
    current = next;
  }
  return { model: current, changed: current !== model };
}

function check(model: Model): void {
  validateModel(model);
  inferShapes(model);
}
