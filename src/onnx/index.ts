export * from './model-file.ts';
export { type ParseOptions, serializeModel } from './onnx-bytes.ts';
export * from './skz/index.ts';
