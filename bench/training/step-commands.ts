/** Skein and what its training is compared with. */

import { inRepository } from '../processes/run-program.ts';
import type { TrainingOptions } from './options.ts';
import type { StepCommand } from './step-process.ts';

export interface Peer {
  readonly title: string;
  /** What part or multiple of its throughput Skein shall reach. */
  readonly least: number;
  /** Why it cannot be tried. */
  readonly missing?: string;
  readonly command?: StepCommand;
  /** So slow that one step is all that is measured, and of fewer images. */
  readonly slow: boolean;
}

export function skeinCommand({ batch, threads }: Pick<TrainingOptions, 'batch' | 'threads'>): StepCommand {
  const script = inRepository('dist/bench/processes/training-process.js');
  return { program: process.execPath, args: [script, String(batch), String(threads)], batch };
}

export function peersOf({ batch, threads, python, peers }: TrainingOptions): readonly [pytorch: Peer, ...Peer[]] {
  const inNode = (title: string, script: string, images: number, ...more: string[]): Peer => {
    const known = { title, least: 10, slow: images < batch };
    if (peers === undefined) return { ...known, missing: '--peers names a folder' };
    const args = [inRepository(`bench/peers/${script}`), peers, String(images), ...more];
    return { ...known, command: { program: process.execPath, args, batch: images } };
  };
  const pytorch = (): Peer => {
    const known = { title: 'PyTorch', least: 0.5, slow: false };
    if (python === undefined) return { ...known, missing: '--python names an interpreter' };
    const args = [inRepository('bench/peers/pytorch_step.py'), String(batch), String(threads)];
    // As Skein's, its threads sleep while they wait: on a machine with neighbours the default is several times slower.
    const environment = { OMP_WAIT_POLICY: 'PASSIVE' };
    return { ...known, command: { program: python, args, environment, batch } };
  };
  return [
    pytorch(),
    inNode('TensorFlow.js, WebAssembly', 'tfjs-step.mjs', batch, 'wasm'),
    inNode('jax-js, WebAssembly', 'jax-js-step.mjs', Math.min(batch, 16)),
    inNode('TensorFlow.js, plain JavaScript', 'tfjs-step.mjs', Math.min(batch, 4), 'cpu'),
  ];
}
