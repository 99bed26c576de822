export { withClassScores } from './class-scores.ts';
export { type ClassifierHead, classifierHead } from './classifier-head.ts';
export { recombineClasses } from './recombine-classes.ts';
