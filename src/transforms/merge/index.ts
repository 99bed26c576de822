export { groupedModel } from './grouped-model.ts';
export { linearScores } from './linear-scores.ts';
export { sideBySide } from './side-by-side.ts';
