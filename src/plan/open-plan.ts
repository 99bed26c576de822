/** A plan over bare sessions: the tree that evaluation and calibration measure. */
import type { Engine } from '../runtime/index.ts';
import { buildPredictor } from './build-predictor.ts';
import { Classifier } from './classifier.ts';
import { ModelPredictor } from './model-predictor.ts';
import type { Plan } from './plan.ts';
import type { Predictor } from './predictor.ts';

export interface OpenPlanOptions {
  /** Rows of one run at most. */
  readonly maxBatch?: number;
  /** Told of each run of a model: its place in the plan, its rows, and milliseconds inside ONNX Runtime. */
  readonly onRun?: (path: string, rows: number, computeMs: number) => void;
}

export interface OpenPlan {
  readonly predictor: Predictor;
  /** The models by their places in the plan. */
  readonly models: ReadonlyMap<string, Classifier>;
  close(): Promise<void>;
}

/** @throws SkeinError as Classifier.open and buildPredictor do; nothing stays loaded then */
export async function openPlan(engine: Engine, plan: Plan, options: OpenPlanOptions = {}): Promise<OpenPlan> {
  const models = new Map<string, Classifier>();
  const close = async () => {
    await Promise.all([...models.values()].map((model) => model.unload()));
  };
  try {
    const predictor = await buildPredictor(plan, async (node, path) => {
      const classifier = await Classifier.open(engine, node.file, { shape: plan.input.shape });
      models.set(path, classifier);
      return new ModelPredictor(path, classifier, {
        ...(options.maxBatch !== undefined && { maxBatch: options.maxBatch }),
        onRun: (rows, computeMs) => options.onRun?.(path, rows, computeMs),
      });
    });
    return { predictor, models, close };
  } catch (error) {
    await close();
    throw error;
  }
}
