/** What the numbers were measured on. */
import { createRequire } from 'node:module';
import { cpus, release, totalmem, type } from 'node:os';
import { usableCores } from '../../src/runtime/index.ts';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  readonly onnxruntime: string;
}

export function describeMachine(): Machine {
  const load = createRequire(import.meta.url);
  return {
    cpu: (cpus()[0]?.model ?? 'unknown CPU').replace(/\s+/g, ' ').trim(),
    cores: usableCores(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release().split('-')[0]}`,
    node: process.version,
    onnxruntime: (load('onnxruntime-node/package.json') as { version: string }).version,
  };
}

export function machineLine(machine: Machine): string {
  const { cpu, cores, memoryGiB, system, node, onnxruntime } = machine;
  return `${cpu}, ${cores} cores, ${memoryGiB} GiB, ${system}, Node ${node}, onnxruntime-node ${onnxruntime}`;
}
