export * from './distill/fit-nets.ts';
export * from './distill/hint-layers.ts';
export * from './distill/lesson.ts';
export { askTeacher, type Teacher } from './distill/teacher.ts';
export * from './factorize/index.ts';
export * from './fine-tune.ts';
export * from './meter.ts';
export * from './share/index.ts';
export * from './stages.ts';
