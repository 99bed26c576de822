export { buildPredictor } from './build-predictor.ts';
export { CascadePredictor } from './cascade-predictor.ts';
export { Classifier, type ClassifierExpectation, type ClassifierScores, type ImageShape } from './classifier.ts';
export { argmax, confidenceOf, probabilitiesOf } from './confidence.ts';
export { ModelPredictor, type ModelPredictorOptions, type ModelRunner } from './model-predictor.ts';
export { type OpenPlan, openPlan } from './open-plan.ts';
export { type CascadeNode, type ModelNode, modelsOf, type Plan, type PlanInput, type PlanNode } from './plan.ts';
export { PLAN_FILE, readPlan, sha256Of, writePlan } from './plan-file.ts';
export {
  type ImageBatch,
  type PredictContext,
  type Predictor,
  type ScoreScale,
  type Scores,
  walk,
} from './predictor.ts';
