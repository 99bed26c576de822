export { cpuQuota, usableCores } from './cores.ts';
export { Engine, type EngineOptions, type LoadedModel, type RunResult } from './engine.ts';
export type { LayerTiming } from './profile.ts';
export { DEVICES, type Device } from './session-protocol.ts';
export { StateEngine, type StateEngineOptions, type StateModel, type StateRun } from './state-engine.ts';
export type { NamedTensors, NumericData, TensorData, TensorInfo } from './tensor-data.ts';
