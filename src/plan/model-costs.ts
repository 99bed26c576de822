/** What each model of a plan holds and costs, as its file says. */
import { stat } from 'node:fs/promises';
import { feedsOf } from '../graph/index.ts';
import { readModel } from '../onnx/index.ts';
import { costOf } from '../ops/index.ts';
import { modelsOf, type Plan } from './plan.ts';

export interface ModelCost {
  /** The place of the model in the plan. */
  readonly path: string;
  readonly file: string;
  readonly params: number;
  /** Multiply-accumulates an image. */
  readonly macs: number;
  /** Of its file. */
  readonly bytes: number;
}

/** In the order of the plan. @throws SkeinError as readModel and costOf do */
export async function modelCosts(plan: Plan): Promise<ModelCost[]> {
  const all: ModelCost[] = [];
  for (const { node, path } of modelsOf(plan.root)) {
    const [model, { size }] = await Promise.all([readModel(node.file), stat(node.file)]);
    const [input] = feedsOf(model.graph);
    const fixed = input?.type?.dims?.[0];
    const batch = typeof fixed === 'number' && fixed > 0 ? fixed : 1;
    const { params, macs } = costOf(model, { inputShapes: { [input?.name ?? '']: [batch, ...plan.input.shape] } });
    all.push({ path, file: node.file, params, macs, bytes: size });
  }
  return all;
}
