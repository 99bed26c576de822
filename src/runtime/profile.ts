/** Reads the profile that ONNX Runtime writes (Chrome trace events) into a row a node. */
import { SkeinError } from '../base/index.ts';

export interface LayerTiming {
  /** The node's name in the executed graph. */
  readonly name: string;
  readonly opType: string;
  /** Mean milliseconds a run. */
  readonly ms: number;
}

interface TraceEvent {
  readonly cat?: string;
  readonly name?: string;
  /** Microseconds. */
  readonly dur?: number;
  readonly args?: { readonly op_name?: string };
}

const KERNEL_SUFFIX = '_kernel_time';

/**
 * @param profiles the files of all sessions of one model
 * @param runs how often the model ran in all of them together; the first run of each node is not counted
 */
export function parseProfile(profiles: readonly string[], runs: number): LayerTiming[] {
  const durations = new Map<string, { opType: string; micros: number[] }>();
  for (const profile of profiles) {
    let events: TraceEvent[];
    try {
      events = JSON.parse(profile) as TraceEvent[];
    } catch (error) {
      throw new SkeinError('internal', 'ONNX Runtime wrote a profile that is not JSON', { cause: error });
    }
    for (const event of events) {
      if (event.cat !== 'Node' || !event.name?.endsWith(KERNEL_SUFFIX) || event.dur === undefined) continue;
      const name = event.name.slice(0, -KERNEL_SUFFIX.length);
      const seen = durations.get(name);
      if (seen === undefined) durations.set(name, { opType: event.args?.op_name ?? '', micros: [event.dur] });
      else seen.micros.push(event.dur);
    }
  }
  return [...durations].map(([name, { opType, micros }]) => {
    const counted = micros.length > 1 && runs > 1 ? micros.slice(1) : micros;
    const sum = counted.reduce((total, micro) => total + micro, 0);
    return { name, opType, ms: sum / counted.length / 1000 };
  });
}
