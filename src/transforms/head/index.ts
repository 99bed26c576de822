export { withClassScores } from './class-scores.ts';
export { type ClassifierHead, classifierHead } from './classifier-head.ts';
export { exactClassScores } from './exact-class-scores.ts';
export { recombineClasses } from './recombine-classes.ts';
