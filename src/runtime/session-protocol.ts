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
      /** Whether the bytes are of a `.skz` file, which the thread decodes. */
      readonly coded?: boolean;
      readonly settings: SessionSettings;
    }
  | {
      readonly kind: 'run';
      readonly session: number;
      readonly feeds: NamedTensors;
      /** Outputs that stay on the thread, by the name under which later runs find them as inputs. */
      readonly keep?: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'put'; readonly values: NamedTensors }
  | { readonly kind: 'get'; readonly names: readonly string[] }
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
  | { readonly kind: 'put' }
  | { readonly kind: 'got'; readonly values: NamedTensors }
  | { readonly kind: 'unloaded' };
