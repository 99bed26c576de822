/** `skein prune`: takes residual blocks and channels that matter least out of a model, then fine-tunes it. */
import { Command, Option } from 'commander';
import { type ErrorCode, SkeinError } from '../base/index.ts';
import type { Criterion, PruningTarget } from '../compress/index.ts';
import type { Model } from '../graph/index.ts';
import type { ChannelGroups } from '../transforms/index.ts';
import { definedOnly, numberBetween, wholeNumber } from './command.ts';
import {
  type Compressed,
  type CompressionContext,
  type CompressionFlags,
  compressionCommand,
  withCompression,
} from './compression.ts';
import { observeMoments } from './observe-moments.ts';
import { describePruning, pruningReport } from './prune-report.ts';
import { pruningTargets, withTargets } from './pruning-targets.ts';
import { percent } from './table.ts';
import type { Target } from './target-words.ts';

interface PruneFlags extends CompressionFlags {
  readonly targetMacs?: Target;
  readonly targetParams?: Target;
  readonly targetLatency?: Target;
  readonly importance: Criterion;
  readonly scope: 'global' | 'layer';
  readonly images: number;
  readonly rounds: number;
  readonly roundEpochs: number;
  readonly multiple: number | 'auto';
  readonly keep: number;
  readonly blocks?: number;
  readonly compensate: boolean;
}

// As of compress/, which help must not wait for.
const CRITERIA: readonly Criterion[] = ['taylor', 'l1', 'l2', 'bn-scale', 'apoz', 'mean-activation'];

export function pruneCommand(): Command {
  const command = new Command('prune').description(
    'remove the residual blocks and channels that matter least, then fine-tune',
  );
  withTargets(command, '(default: 0.5, where no other target is given)')
    .addOption(
      new Option(
        '--importance <criterion>',
        'how channels are judged; taylor: by the loss for each MAC (or parameter) that they save; l1, l2 and bn-scale look at weights only',
      )
        .choices(CRITERIA)
        .default('taylor'),
    )
    .addOption(
      new Option('--scope <of>', 'compare all channels, or take the same share of every layer')
        .choices(['global', 'layer'])
        .default('global'),
    )
    .option('--images <n>', 'training images that channels are judged on, in each round', wholeNumber(1), 512)
    .option('--rounds <n>', 'rounds, in each of which channels are judged anew', wholeNumber(1, 1000), 4)
    .option('--round-epochs <n>', 'of fine-tuning after each round but the last', wholeNumber(0), 0)
    .option(
      '--multiple <n>',
      'channels that stay are a multiple of it; auto: of 16 in wide layers, where that is fast, of 8 or 4 in narrow ones',
      readMultiple,
      'auto' as const,
    )
    .option('--keep <part>', 'the part of the channels of a layer that stays in any case', numberBetween(0, 1), 0.125)
    .option(
      '--blocks <part>',
      'the part of the way that whole residual blocks are removed for, those first that are missed least; 0 never removes one (default: a quarter where there are 8 or more)',
      numberBetween(0, 1),
    )
    .option(
      '--no-compensate',
      'leave the weights of what stays as they are, instead of letting it speak for what went (least squares on what layers answer to --images)',
    );
  return compressionCommand<PruneFlags>(withCompression(command, { epochs: 10 }), prune);
}

function readMultiple(text: string): number | 'auto' {
  return text === 'auto' ? text : wholeNumber(1)(text);
}

/** What pruning itself ends in where its targets or the model will not do. */
const NEEDS_OTHER_WORDS: ReadonlySet<ErrorCode> = new Set(['invalid-argument', 'unsupported'] as const);

async function prune(context: CompressionContext, flags: PruneFlags): Promise<Compressed> {
  const { pruneModel } = await import('../compress/index.ts');
  const { liftWeights } = await import('../ops/index.ts');
  const { channelGroups, fold, residualBranches, runPasses } = await import('../transforms/index.ts');
  const { stages, output, signal, training } = context;
  if (context.model.graph.nodes.some(({ opType }) => opType === 'QuantizeLinear' || opType === 'DequantizeLinear')) {
    throw new SkeinError(
      'unsupported',
      'Cannot prune the model: it is quantised, and what its channels are worth cannot be seen; prune first, then quantise',
    );
  }
  const model = runPasses(liftWeights(context.model), [fold]).model;
  const { targetMacs, targetParams, targetLatency, importance, scope, images, rounds } = flags;
  const { multiple, keep, blocks, compensate, seed } = flags;
  // The words, not what they come to: milliseconds measured anew would make it another pruning.
  const words = [
    { targetMacs, targetParams, targetLatency, importance, scope, images, rounds },
    { multiple, keep, blocks, compensate, seed, preprocessing: context.preprocessing },
    await training.digest(),
  ];
  const alone = targetParams === undefined && targetLatency === undefined;
  const targets = await pruningTargets(model, context, {
    targetMacs: targetMacs ?? (alone ? { times: 2 } : undefined),
    targetParams,
    targetLatency,
  });
  let rough: Model;
  let trained = false;
  try {
    const shallow = await stages.model('blocks', [model, ...words], () =>
      withoutBlocks(context, model, targets, flags),
    );
    rough = await pruneModel(shallow, {
      targets,
      rounds,
      scope,
      keep,
      blocks: blocks !== 0,
      signal,
      ...(multiple === 'auto' ? {} : { multiple: () => multiple }),
      score: scorer(context, flags),
      ...(compensate
        ? { moments: (each, round) => observeMoments(context, each, { images, seed: seed + round }) }
        : {}),
      stage: (round, from, make) => stages.model(`pruned-${round}`, [from, ...words, round], make),
      between: (each, round) => {
        trained ||= flags.roundEpochs > 0;
        return context.fineTune(`round-${round}`, each, { epochs: flags.roundEpochs });
      },
    });
  } catch (error) {
    // Other words are needed: what was done with these is of no use, unless it took training.
    if (!trained && error instanceof SkeinError && NEEDS_OTHER_WORDS.has(error.code)) await stages.clear();
    throw error;
  }
  const branches = [residualBranches(model).length, residualBranches(rough).length] as const;
  const report = pruningReport(model, rough, channelGroups(model), branches);
  const note = report.blocks === 0 ? '' : `, ${report.blocks} residual blocks removed`;
  output.note(`pruned: ${report.layers.filter(({ before, after }) => after < before).length} layers narrower${note}`);
  const made = await context.fineTune('fine-tune', rough);
  const recipe = { importance, scope, rounds, roundEpochs: flags.roundEpochs, images, compensate };
  return { model: made, report, recipe, lines: describePruning(report) };
}

/** The model without the residual blocks that go before any channels do. */
async function withoutBlocks(
  { meter, preprocessing, training, signal, output }: CompressionContext,
  model: Model,
  targets: readonly PruningTarget[],
  { blocks, images, seed }: PruneFlags,
): Promise<Model> {
  const { removeBlocksFirst } = await import('../compress/index.ts');
  const { stratifiedSample } = await import('../data/index.ts');
  const { model: shallow, reached } = await removeBlocksFirst(model, targets, {
    meter,
    data: training,
    preprocessing,
    order: stratifiedSample(training.labels, Math.min(images, training.size), seed),
    signal,
    ...definedOnly({ part: blocks }),
    onRemoved: ({ output: block, top1 }) =>
      output.note(`without the block of '${block}': ${percent(top1)} of the images right`),
  });
  if (!reached) output.note('all residual blocks stay: without them the model would not be near enough to the targets');
  return shallow;
}

/** Judges channels, on other images in each round. */
function scorer({ meter, preprocessing, training, output, signal }: CompressionContext, flags: PruneFlags) {
  const { targetMacs, targetParams, targetLatency, importance, images, seed, threads } = flags;
  const onlyParams = targetParams !== undefined && targetMacs === undefined && targetLatency === undefined;
  return async (model: Model, groups: ChannelGroups, round: number): Promise<Float64Array> => {
    const { inputShapesOf, scoreChannels } = await import('../compress/index.ts');
    const { stratifiedSample } = await import('../data/index.ts');
    const { usableCores } = await import('../runtime/index.ts');
    const order = stratifiedSample(training.labels, Math.min(images, training.size), seed + round);
    const label = `round ${round} of ${flags.rounds}, images judged by`;
    const progress = output.progress(label, order.length, { exitOnInterrupt: false });
    try {
      return await scoreChannels(model, groups, {
        criterion: importance,
        saves: onlyParams ? 'params' : 'macs',
        cost: { inputShapes: inputShapesOf(model, preprocessing.shape) },
        data: training,
        threads: threads ?? usableCores(),
        onImages: (done) => {
          if (signal.aborted) throw new SkeinError('cancelled', `Stopped in round ${round} of pruning`);
          progress.update(done);
        },
        meter,
        preprocessing,
        order,
      });
    } finally {
      progress.end();
    }
  };
}
