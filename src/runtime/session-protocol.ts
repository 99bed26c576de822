/** The messages between engine.ts and session-worker.ts. */
import type { NamedTensors, TensorInfo } from './tensor-data.ts';

export interface SessionSettings {
  readonly threads: number;
  readonly device: Device;
  /** 'all' unless a layer-by-layer view needs the graph as it was written. */
  readonly optimization: 'all' | 'basic' | 'disabled';
  /** Where to write the engine's own profile; absent: none is taken. */
  readonly profilePrefix?: string;
}

export const DEVICES = ['cpu', 'webgpu', 'cuda'] as const;
export type Device = (typeof DEVICES)[number];

export type SessionJob =
  | {
      readonly kind: 'load';
      readonly session: number;
      readonly model: string | Uint8Array;
      readonly settings: SessionSettings;
    }
  | { readonly kind: 'run'; readonly session: number; readonly feeds: NamedTensors }
  | { readonly kind: 'unload'; readonly session: number };

export type SessionResult =
  | { readonly kind: 'loaded'; readonly inputs: readonly TensorInfo[]; readonly outputs: readonly TensorInfo[] }
  | {
      readonly kind: 'ran';
      readonly outputs: NamedTensors;
      /** The buffers of the feeds, given back for the next batch. */
      readonly buffers: readonly ArrayBuffer[];
      /** Milliseconds inside the engine. */
      readonly computeMs: number;
    }
  | { readonly kind: 'unloaded' };
