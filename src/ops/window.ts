/**
 * Output sizes of sliding windows (Conv and the pools), as the ONNX operators define them.
 */
import type { Dim } from '../graph/index.ts';

export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Begins of all axes, then ends. */
  readonly pads: readonly number[];
  /** NOTSET, VALID, SAME_UPPER or SAME_LOWER. */
  readonly autoPad: string;
  readonly ceilMode: boolean;
}

/** Positions of the window along one axis; less than 1 where it does not fit. */
export function windowSteps(window: Window, axis: number, size: number): number {
  const kernel = window.kernel[axis] ?? 1;
  const stride = window.strides[axis] ?? 1;
  const reach = (kernel - 1) * (window.dilations[axis] ?? 1) + 1;
  if (window.autoPad.startsWith('SAME')) return Math.ceil(size / stride);
  const [before, after] = window.autoPad === 'VALID' ? [0, 0] : padsOf(window, axis);
  const padded = size + before + after;
  if (!window.ceilMode) return Math.floor((padded - reach) / stride) + 1;
  const steps = Math.ceil((padded - reach) / stride) + 1;
  // A last window that would start in the padding behind the data is dropped.
  return (steps - 1) * stride >= size + before ? steps - 1 : steps;
}

/** `windowSteps` where the size may not be known. A window that cannot change the size keeps the symbol. */
export function windowDim(window: Window, axis: number, size: Dim): Dim {
  if (typeof size === 'number') return windowSteps(window, axis, size);
  const stride = window.strides[axis] ?? 1;
  const reach = ((window.kernel[axis] ?? 1) - 1) * (window.dilations[axis] ?? 1) + 1;
  const [before, after] = window.autoPad === 'VALID' ? [0, 0] : padsOf(window, axis);
  const keeps = stride === 1 && (window.autoPad.startsWith('SAME') || before + after === reach - 1);
  return keeps ? size : undefined;
}

export function padsOf(window: Window, axis: number): [before: number, after: number] {
  return [window.pads[axis] ?? 0, window.pads[axis + window.kernel.length] ?? 0];
}
