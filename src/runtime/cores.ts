/**
 * How many cores this process may use: the least of what the scheduler allows (affinity) and the CPU quota of its control
 * group, v2 or v1, its own or one above it.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';

type ReadText = (path: string) => string | undefined;

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** The quota in cores, or undefined where there is none. `read` stands in for the file system in tests. */
export function cpuQuota(read: ReadText = readText): number | undefined {
  const quotas: number[] = [];
  for (const line of (read('/proc/self/cgroup') ?? '0::/').split('\n')) {
    const [, controllers = '', group = '/'] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    const unified = controllers === '';
    if (!unified && !controllers.split(',').includes('cpu')) continue;
    const mount = unified ? '/sys/fs/cgroup' : '/sys/fs/cgroup/cpu';
    // In a container the path is often that of the host and only the mount itself exists: the walk up ends there.
    for (let path = group; ; path = dirname(path)) {
      const quota = unified ? quotaV2(read, join(mount, path)) : quotaV1(read, join(mount, path));
      if (quota !== undefined) quotas.push(quota);
      if (path === '/' || path === '.') break;
    }
  }
  return quotas.length === 0 ? undefined : Math.min(...quotas);
}

/** `cpu.max` holds "quota period" in microseconds, or "max period". */
function quotaV2(read: ReadText, group: string): number | undefined {
  const [quota, period] = (read(join(group, 'cpu.max')) ?? 'max').split(' ').map(Number);
  return quota !== undefined && period !== undefined && quota > 0 && period > 0 ? quota / period : undefined;
}

function quotaV1(read: ReadText, group: string): number | undefined {
  const quota = Number(read(join(group, 'cpu.cfs_quota_us')) ?? -1);
  const period = Number(read(join(group, 'cpu.cfs_period_us')) ?? 0);
  return quota > 0 && period > 0 ? quota / period : undefined;
}

/** Whole cores to plan for; a quota of 1.5 is one core, since a second thread would be stopped half of the time. */
export function usableCores(): number {
  return Math.max(1, Math.floor(Math.min(availableParallelism(), cpuQuota() ?? Number.POSITIVE_INFINITY)));
}
