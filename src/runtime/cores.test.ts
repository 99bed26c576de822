import { expect, it } from 'vitest';
import { cpuQuota, usableCores } from './cores.ts';

function files(tree: Record<string, string>) {
  return (path: string): string | undefined => tree[path];
}

it('cpuQuota() reads the least quota of the group and those above it (cgroup v2)', () => {
  const read = files({
    '/proc/self/cgroup': '0::/outer/inner',
    '/sys/fs/cgroup/outer/inner/cpu.max': 'max 100000',
    '/sys/fs/cgroup/outer/cpu.max': '150000 100000',
  });
  expect(cpuQuota(read)).toBe(1.5);
});

it('cpuQuota() finds the quota at the mount where the host path does not exist in the container', () => {
  expect(cpuQuota(files({ '/proc/self/cgroup': '0::/docker/abc', '/sys/fs/cgroup/cpu.max': '200000 100000' }))).toBe(2);
});

it('cpuQuota() reads cgroup v1', () => {
  const read = files({
    '/proc/self/cgroup': '5:memory:/a\n4:cpu,cpuacct:/b',
    '/sys/fs/cgroup/cpu/b/cpu.cfs_quota_us': '50000',
    '/sys/fs/cgroup/cpu/b/cpu.cfs_period_us': '100000',
    '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1',
    '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000',
  });
  expect(cpuQuota(read)).toBe(0.5);
});

it('cpuQuota() is undefined where nothing limits', () => {
  expect(cpuQuota(files({}))).toBeUndefined();
  expect(cpuQuota(files({ '/proc/self/cgroup': '0::/', '/sys/fs/cgroup/cpu.max': 'max 100000' }))).toBeUndefined();
});

it('usableCores() is a whole number from 1', () => {
  expect(Number.isInteger(usableCores())).toBe(true);
  expect(usableCores()).toBeGreaterThanOrEqual(1);
});
