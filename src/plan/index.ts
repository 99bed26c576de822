export type { ParallelOptions, PartObserver, StragglerPolicy } from './ask-parts.ts';
export { buildPredictor } from './build-predictor.ts';
export {
  type Calibration,
  type CalibrationOptions,
  type CurvePoint,
  calibrate,
  type PairRecord,
  type Verdict,
} from './calibrate.ts';
export { CascadePredictor } from './cascade-predictor.ts';
export { matchClasses } from './class-order.ts';
export { Classifier, type ClassifierExpectation, type ClassifierScores } from './classifier.ts';
export { combinationTimes } from './combination-time.ts';
export { argmax, confidenceOf, probabilitiesOf } from './confidence.ts';
export { type NodeTimes, type ParallelTimes, type PlanTimes, timesOf } from './critical-path.ts';
export { type EvaluateOptions, type EvaluateReport, evaluate, type NodeReport } from './evaluate.ts';
export { ModelPredictor, type ModelPredictorOptions, type ModelRunner } from './model-predictor.ts';
export { type OpenPlan, type OpenPlanOptions, openPlan } from './open-plan.ts';
export { ParallelPredictor } from './parallel-predictor.ts';
export {
  type CascadeNode,
  type ModelNode,
  modelsOf,
  type ParallelNode,
  type ParallelPart,
  type PlacedModel,
  type Plan,
  type PlanInput,
  type PlanNode,
  roundsOf,
  type Siblings,
} from './plan.ts';
export { PLAN_FILE, readPlan, sha256Of, writePlan } from './plan-file.ts';
export {
  type ImageBatch,
  type PredictContext,
  type Predictor,
  type ScoreScale,
  type Scores,
  walk,
} from './predictor.ts';
export { type LayerProfile, type ModelProfile, type ProfileOptions, profileModel } from './profile-model.ts';
export { type PlanProfile, type ProfiledModel, profilePlan } from './profile-plan.ts';
export { type RecordedPair, recordPair } from './record-pair.ts';
export { checkPlanFolder, savePlan } from './save-plan.ts';
export { scoreScaleOf } from './score-scale.ts';
export { isPlanPath, type Origin, openServable, type Servable, type SourceOverrides } from './source.ts';
export { measureThroughput, type Throughput } from './throughput.ts';
