/** `skein factorize`: splits layers into rows of smaller ones where that is faster, then fine-tunes. */
import { Command, Option } from 'commander';
import type { LayerDecision, RankPolicy } from '../compress/index.ts';
import type { Model } from '../graph/index.ts';
import type { Factorization } from '../transforms/index.ts';
import { CommandFailure, definedOnly, numberBetween, UsageError, wholeNumber } from './command.ts';
import {
  type Compressed,
  type CompressionContext,
  type CompressionFlags,
  compressionCommand,
  withCompression,
} from './compression.ts';
import { type Moments, observeMoments } from './observe-moments.ts';
import { checkRankFlags, givenRanks, type RankFlags, readRank } from './rank-words.ts';
import { count, formatTable, percent } from './table.ts';
import { readCountTarget, readTarget, resolveTarget } from './target-words.ts';

interface FactorizeFlags extends CompressionFlags, RankFlags {
  readonly fit: 'responses' | 'weights';
  readonly images?: number;
}

export function factorizeCommand(): Command {
  const command = new Command('factorize')
    .description(
      'split layers into rows of smaller ones (SVD, Tucker-2, spatial SVD) where that is faster, then fine-tune',
    )
    .option('--evbmf', 'ranks by empirical variational Bayes (the default)')
    .option('--energy <part>', 'the lowest ranks that keep this part of the squared responses', numberBetween(0, 1))
    .option(
      '--target-macs <n>',
      "as little loss as so many MACs an image allow: 130M, or '3x' or 0.33 for a third",
      readCountTarget,
    )
    .option(
      '--target-latency <ms>',
      "as little loss as so many milliseconds an image allow, or '2x' for half",
      readTarget,
    )
    .option(
      '--rank <layer=ranks>',
      'of one layer, and no others but those named so: conv1=32, conv1=svd:32, or conv1=32,48 for Tucker-2',
      readRank,
    )
    .addOption(
      new Option(
        '--fit <what>',
        "what the parts come nearest to: the layer's responses to training images, or its weights",
      )
        .choices(['responses', 'weights'])
        .default('responses'),
    )
    .option('--images <n>', 'training images whose responses count (default: 256)', wholeNumber(1));
  return compressionCommand<FactorizeFlags>(withCompression(command, { epochs: 10 }), factorize);
}

async function factorize(context: CompressionContext, flags: FactorizeFlags): Promise<Compressed> {
  const { factorizationsOf } = await import('../compress/index.ts');
  const { liftWeights } = await import('../ops/index.ts');
  checkRankFlags(flags);
  const { stages, output } = context;
  const model = liftWeights(context.model);
  const { evbmf, energy, targetMacs, targetLatency, rank, fit, images, seed } = flags;
  if (fit === 'weights' && images !== undefined) throw new UsageError('--images does not go with --fit weights');
  // The words, not what they come to: milliseconds measured anew would make it another plan.
  const { preprocessing, training } = context;
  const words = { evbmf, energy, targetMacs, targetLatency, rank, preprocessing };
  const seen = fit === 'weights' ? [] : [{ images, seed }, await training.digest()];
  let observed: Moments | undefined;
  const moments = async (): Promise<Moments | undefined> => {
    if (fit === 'responses') observed ??= await observeMoments(context, model, { images, seed });
    return observed;
  };
  const decisions = await stages.value('ranks', [model, words, ...seen], async () => {
    const policy = await policyOf(context, model, flags);
    return plan(context, model, policy, await moments());
  });
  const split = factorizationsOf(decisions);
  const lines = describe(decisions);
  if (split.size === 0) {
    await stages.clear();
    throw new CommandFailure(`no layer was factorized: ${reasons(decisions)}`);
  }
  output.note(`${split.size} of ${decisions.length} layers are split, see the table at the end`);
  const rough = await stages.model('factorized', [model, [...split], ...seen], async () =>
    apply(context, model, split, await moments()),
  );
  const made = await context.fineTune('fine-tune', rough);
  const layers = decisions.map(({ factorization, ...rest }) => ({ ...rest, ...factorization }));
  return { model: made, report: { layers }, recipe: { layers: [...split], fit }, lines };
}

async function policyOf({ preprocessing }: CompressionContext, model: Model, flags: RankFlags): Promise<RankPolicy> {
  const { energy, targetMacs, targetLatency, rank } = flags;
  const { shape } = preprocessing;
  if (rank !== undefined) {
    const { weightLayersOf } = await import('../transforms/index.ts');
    return givenRanks(rank, weightLayersOf(model));
  }
  if (energy !== undefined) return { by: 'energy', keep: energy };
  if (targetMacs !== undefined) {
    const { macsOf } = await import('../compress/index.ts');
    return { by: 'macs', most: resolveTarget(targetMacs, macsOf(model, shape)) };
  }
  if (targetLatency !== undefined) {
    return 'times' in targetLatency
      ? { by: 'latency', times: targetLatency.times }
      : { by: 'latency', mostMs: targetLatency.value };
  }
  return { by: 'evbmf' };
}

async function plan(
  context: CompressionContext,
  model: Model,
  policy: RankPolicy,
  moments: Moments | undefined,
): Promise<readonly LayerDecision[]> {
  const { planFactorization } = await import('../compress/index.ts');
  const { meter, preprocessing, signal, output } = context;
  let progress: ReturnType<typeof output.progress> | undefined;
  try {
    return await planFactorization(model, policy, {
      meter,
      shape: preprocessing.shape,
      ...definedOnly({ moments }),
      signal,
      onLayer: (done, all, name) => {
        progress ??= output.progress('layers measured', all, { exitOnInterrupt: false });
        progress.update(done, name);
      },
    });
  } finally {
    progress?.end();
  }
}

async function apply(
  { signal, output }: CompressionContext,
  model: Model,
  split: ReadonlyMap<string, Factorization>,
  moments: Moments | undefined,
): Promise<Model> {
  const { applyFactorizations } = await import('../compress/index.ts');
  const progress = output.progress('layers split', split.size, { exitOnInterrupt: false });
  try {
    return await applyFactorizations(model, split, {
      ...definedOnly({ moments }),
      signal,
      onLayer: (done, _, name) => progress.update(done, name),
    });
  } finally {
    progress.end();
  }
}

/** A row a layer. */
function describe(decisions: readonly LayerDecision[]): string[] {
  const right = 'right' as const;
  const rows = decisions.map(({ name, dims, factorization, kept, before, after, why }) => [
    name,
    dims.join('×'),
    factorization?.kind ?? '-',
    factorization?.ranks.join(',') ?? '',
    kept === undefined ? '' : percent(kept),
    before === undefined ? '' : count(before.macs),
    after === undefined ? '' : count(after.macs),
    before === undefined ? '' : before.ms.toFixed(3),
    after === undefined ? '' : after.ms.toFixed(3),
    why,
  ]);
  const columns = [
    { title: 'layer' },
    { title: 'weights' },
    { title: 'split' },
    { title: 'ranks' },
    { title: 'kept', align: right },
    { title: 'MACs', align: right },
    { title: 'then', align: right },
    { title: 'ms', align: right },
    { title: 'then', align: right },
    { title: '' },
  ];
  return formatTable(columns, rows).split('\n');
}

/** Of the first layer; the others are of the same kind mostly. */
function reasons(decisions: readonly LayerDecision[]): string {
  const [first, ...others] = decisions;
  const more = others.length === 0 ? '' : `, and ${others.length} more`;
  return first === undefined ? 'there are none' : `'${first.name}' (${first.why})${more}`;
}
