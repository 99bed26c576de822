/** The model that another one learns from. */

import { SkeinError } from '../base/index.ts';
import type { Teacher } from '../compress/index.ts';
import type { Dataset, Preprocessing } from '../data/index.ts';
import { definedOnly, type ModelOptions, type Output } from './command.ts';
import type { TrainingFlags } from './compression-words.ts';
import { isGuessed } from './origin.ts';
import { sourceOf } from './train-source.ts';

export interface Reference extends Teacher {
  readonly path: string;
}

/** The teacher, and what was said of its file besides. */
export async function openTeacher(
  path: string,
  training: Dataset,
  { shape, seed }: Pick<TrainingFlags, 'shape' | 'seed'>,
  said: Pick<ModelOptions, 'mean' | 'std'>,
  output: Output,
): Promise<Reference & { readonly overrides: ModelOptions }> {
  const { readModel } = await import('../onnx/index.ts');
  const { feedsOf } = await import('../graph/index.ts');
  const [input] = feedsOf((await readModel(path)).graph);
  // The student's size is the teacher's only where that leaves it open.
  const leavesOpen = input?.type?.dims?.slice(1).some((dim) => typeof dim !== 'number') ?? false;
  const overrides = { ...said, ...(leavesOpen ? { shape: shape ?? [3, 32, 32] } : {}) };
  try {
    const { model, preprocessing } = await sourceOf(path, training, { ...overrides, seed }, output);
    return { path, model, preprocessing, overrides };
  } catch (error) {
    if (!(error instanceof SkeinError)) throw error;
    throw new SkeinError(error.code, `Cannot learn from '${path}': ${error.message}`);
  }
}

/**
 * The teacher that `--teacher` names beside a model: it sees the images as its own file says, and as the model does where that
 * says nothing.
 */
export async function openOtherTeacher(
  path: string,
  training: Dataset,
  { mean, std, shape, seed }: Pick<TrainingFlags, 'mean' | 'std' | 'shape' | 'seed'>,
  ofModel: Preprocessing,
  output: Output,
): Promise<Reference> {
  const { openServable } = await import('../plan/index.ts');
  // What cannot be opened is said by what opens it in earnest.
  const servable = await openServable(path, { shape: shape ?? ofModel.shape }).catch(() => undefined);
  const said = servable !== undefined && isGuessed(servable) ? definedOnly({ mean, std }) : {};
  return openTeacher(path, training, { shape: shape ?? [...ofModel.shape], seed }, said, output);
}
