/** What pruning did to each layer, for people and as JSON. */
import type { Model } from '../graph/index.ts';
import type { ChannelGroups } from '../transforms/index.ts';
import { formatTable } from './table.ts';

export interface PrunedLayer {
  /** Its weight, without `.weight`. */
  readonly layer: string;
  /** Output channels. */
  readonly before: number;
  /** 0 where the layer is gone with its block. */
  readonly after: number;
}

export interface PruningReport {
  /** All that make channels. */
  readonly layers: readonly PrunedLayer[];
  /** Layers whose channels stay, by the reason for it. */
  readonly fixed: ChannelGroups['fixed'];
  /** Residual blocks that are gone. */
  readonly blocks: number;
}

/** @param groups of the model before, @param branches how many residual branches each has */
export function pruningReport(
  before: Model,
  after: Model,
  groups: ChannelGroups,
  branches: readonly [before: number, after: number],
): PruningReport {
  const layers = groups.parameters
    .filter(({ role }) => role === 'output')
    .map(({ name, axis }): PrunedLayer => {
      const size = ({ graph }: Model): number => graph.initializers.get(name)?.dims[axis] ?? 0;
      return { layer: name.replace(/\.weight$/, ''), before: size(before), after: size(after) };
    });
  return { layers, fixed: groups.fixed, blocks: branches[0] - branches[1] };
}

export function describePruning({ layers, fixed, blocks }: PruningReport): string[] {
  const right = 'right' as const;
  const columns = [{ title: 'layer' }, { title: 'channels', align: right }, { title: 'left', align: right }];
  const rows = layers.map(({ layer, before, after }) => [
    layer,
    String(before),
    after === 0 ? 'removed' : String(after),
  ]);
  const removed = blocks === 0 ? [] : [`${blocks} residual ${blocks === 1 ? 'block' : 'blocks'} removed`];
  const kept = fixed.map(({ reason, layers: names }) => `left alone: ${shortened(names)}, since ${reason}`);
  return [formatTable(columns, rows), ...removed, ...kept];
}

const NAMES_SHOWN = 3;

function shortened(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_SHOWN).join(', ');
  return names.length > NAMES_SHOWN ? `${shown} and ${names.length - NAMES_SHOWN} more` : shown;
}
