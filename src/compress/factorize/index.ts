export * from './apply-factorizations.ts';
export type { LayerCost } from './layer-costs.ts';
export * from './plan-factorization.ts';
export type { RankPolicy } from './rank-candidates.ts';
export { inputShapesOf, type SurveyOptions } from './survey-layers.ts';
