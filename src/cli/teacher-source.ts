/** The model that another one learns from. */
import type { Teacher } from '../compress/index.ts';
import type { Dataset } from '../data/index.ts';
import type { ModelOptions, Output } from './command.ts';
import type { TrainingFlags } from './compression-words.ts';
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
  const { model, preprocessing } = await sourceOf(path, training, { ...overrides, seed }, output);
  return { path, model, preprocessing, overrides };
}
