export * from './calibrate.ts';
export { Histogram } from './histogram.ts';
export { RANGE_METHODS, type RangeMethod, type RangeOptions, rangeOf } from './range-methods.ts';
