export { groupedModel } from './grouped-model.ts';
export { linearScores } from './linear-scores.ts';
export { type Separable, separable, sideBySide } from './side-by-side.ts';
