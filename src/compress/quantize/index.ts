export * from './bit-sweep.ts';
export * from './calibrate.ts';
export { Histogram } from './histogram.ts';
export * from './quantize-to-drop.ts';
export { RANGE_METHODS, type RangeMethod, type RangeOptions, rangeOf } from './range-methods.ts';
export { layerNames } from './sensitivity.ts';
