/** What the zoo has, with sizes: its tests hold each network to the numbers of its paper. No command prints it. */
import type { Parameter } from '../base/index.ts';
import { costOf } from '../ops/index.ts';
import { type ArchitectureOptions, buildArchitecture } from './build-architecture.ts';
import { parseArchitecture, zooNames } from './parse-architecture.ts';

export interface ZooEntry {
  readonly name: string;
  /** Its family, with the source. */
  readonly title: string;
  /** Trainable numbers. */
  readonly params: number;
  /** Multiply-accumulates of one image. */
  readonly macs: number;
  /** The parameters that can be given after its name. */
  readonly open: Readonly<Record<string, Parameter>>;
}

/** A row for every size that has a name. It takes some tenths of a second: the graphs are built, without weights. */
export function zooTable(options: Pick<ArchitectureOptions, 'classes' | 'inputShape'> = {}): ZooEntry[] {
  return zooNames().map((name) => {
    const architecture = parseArchitecture(name);
    const { family } = architecture;
    const { params, macs } = costOf(buildArchitecture(architecture, { ...options, initialization: 'zeros' }));
    const fixed = family.sizes[name] ?? {};
    const open = Object.entries(family.parameters).filter(([key]) => fixed[key] === undefined);
    return { name, title: family.title, params, macs, open: Object.fromEntries(open) };
  });
}
