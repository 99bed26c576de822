/** Units of channels drawn at random, for tests of what takes them out. */
import type { Random } from '../src/base/index.ts';
import type { ChannelAxis, ChannelGroups } from '../src/transforms/index.ts';

/** Each unit with this probability, but on every axis one stays. */
export function randomUnits(groups: ChannelGroups, random: Random, share: number): Set<number> {
  const remove = new Set<number>();
  for (let unit = 0; unit < groups.unitCount; unit++) if (random.uniform() < share) remove.add(unit);
  const axes: readonly ChannelAxis[] = [...groups.parameters, ...groups.values];
  for (const { units } of axes) {
    if (units.every((unit) => remove.has(unit))) remove.delete(units[random.integer(units.length)] ?? 0);
  }
  return remove;
}
