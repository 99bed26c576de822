export * from './attribute.ts';
export * from './editor.ts';
export * from './model.ts';
export * from './node.ts';
export * from './tensor.ts';
export * from './traversal.ts';
export * from './validate.ts';
