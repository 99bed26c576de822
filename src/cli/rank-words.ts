/** The words by which `skein factorize` is told how ranks are chosen. */
import { InvalidArgumentError } from 'commander';
import { didYouMean, SkeinError } from '../base/index.ts';
import type { RankPolicy } from '../compress/index.ts';
import type { Factorization, FactorizationKind, WeightLayer } from '../transforms/index.ts';
import { UsageError } from './command.ts';
import type { Target } from './target-words.ts';

/** What `--rank` says of one layer. */
export interface RankWord {
  readonly layer: string;
  readonly kind?: FactorizationKind;
  readonly ranks: readonly number[];
}

/** Reads 'layer=32', 'layer=32,48' or 'layer=spatial:32' behind those before it. */
export function readRank(text: string, before: readonly RankWord[] = []): RankWord[] {
  const [, layer = '', kind, ranks = ''] = /^(.+)=(?:(svd|tucker2|spatial):)?(\d+(?:,\d+)?)$/.exec(text) ?? [];
  if (layer === '') {
    throw new InvalidArgumentError(
      "Expected 'layer=rank' or 'layer=input,output', the kind (svd:, spatial:) before the ranks.",
    );
  }
  const word = { layer, ranks: ranks.split(',').map(Number) };
  return [...before, kind === undefined ? word : { ...word, kind: kind as FactorizationKind }];
}

export interface RankFlags {
  readonly evbmf?: true;
  readonly energy?: number;
  readonly targetMacs?: Target;
  readonly targetLatency?: Target;
  readonly rank?: readonly RankWord[];
}

/** @throws UsageError where several ways are asked for */
export function checkRankFlags({ evbmf, energy, targetMacs, targetLatency, rank }: RankFlags): void {
  const given = Object.entries({
    '--evbmf': evbmf,
    '--energy': energy,
    '--target-macs': targetMacs,
    '--target-latency': targetLatency,
    '--rank': rank,
  }).filter(([, value]) => value !== undefined);
  if (given.length > 1) {
    throw new UsageError(`ranks are chosen in one way: received ${given.map(([name]) => name).join(' and ')}`);
  }
}

/**
 * The layers that `--rank` names, by the name of the node, of its weights, or what stands before '.weight' there.
 * @throws SkeinError 'invalid-argument' for a name that no layer has
 */
export function givenRanks(words: readonly RankWord[], layers: readonly WeightLayer[]): RankPolicy {
  const ranks = new Map<string, Factorization>();
  for (const word of words) {
    const layer = layers.find(({ name, weight }) =>
      [name, weight, weight.replace(/\.weight$/, '')].includes(word.layer),
    );
    if (layer === undefined) {
      const names = layers.map(({ weight }) => weight.replace(/\.weight$/, ''));
      throw new SkeinError(
        'invalid-argument',
        `--rank: the model has no layer '${word.layer}' with weights${didYouMean(word.layer, names)}`,
      );
    }
    if (layer.obstacle !== undefined) {
      throw new SkeinError('invalid-argument', `--rank: '${word.layer}' cannot be factorized: ${layer.obstacle}`);
    }
    const [kind = 'svd'] = layer.kinds.includes('spatial') ? (['spatial'] as const) : layer.kinds;
    ranks.set(layer.name, { kind: word.kind ?? (word.ranks.length === 2 ? 'tucker2' : kind), ranks: word.ranks });
  }
  return { by: 'given', ranks };
}
