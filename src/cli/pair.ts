/** `skein pair`: calibrates a cascade of a small and a big model and writes it as a plan. */
import { Command } from 'commander';
import type { Origin, Plan, Servable, SourceOverrides } from '../plan/index.ts';
import {
  CommandFailure,
  type DataOptions,
  definedOnly,
  type EngineFlags,
  type ModelOptions,
  numberBetween,
  type OutputOptions,
  skippedLine,
  UsageError,
  withAction,
  withData,
  withEngine,
  withModelOptions,
} from './command.ts';
import { noteGuess } from './origin.ts';
import { describePair, type PairReport, reportOf, whyNot } from './pair-report.ts';
import { planNameOf } from './plan-name.ts';

type Options = DataOptions &
  EngineFlags &
  ModelOptions &
  OutputOptions & { output: string; maxDrop: number; name?: string };

/** What the name of a split says of its images; other names say nothing. */
const HELD_OUT: ReadonlyMap<string, boolean> = new Map([
  ['train', false],
  ['val', true],
  ['test', true],
]);

const EXPLANATION = `
Picked is the lowest threshold at which, with 80 % confidence, the cascade loses no more than --max-drop of the big
model's accuracy, if no higher threshold surely loses more (with the same confidence). Where there is none, it is the
likeliest of those that measured so, with a warning. Where the cascade would be no faster than the big model, or the
small model alone is accurate enough, that is said instead, no plan is written, and the exit code is 1.

A plan.json of the same models in the folder is replaced; a plan of other models, or another file under a model's name,
is refused before anything is measured.`;

export function pairCommand(): Command {
  const command = new Command('pair')
    .description('calibrate a cascade: the small model answers, the big one only where the small one is unsure')
    .argument('<small>', 'an .onnx or .skz file, or a plan')
    .argument('<big>', 'an .onnx or .skz file, or a plan')
    .requiredOption('-o, --output <folder>', 'where plan.json goes, and copies of the models with it')
    .option('--max-drop <fraction>', "accuracy that may be lost against the big model's", numberBetween(0, 1), 0)
    .option('--name <name>', 'of the plan (default: that of the folder)')
    .addHelpText('after', EXPLANATION);
  return withAction<Options>(withModelOptions(withEngine(withData(command))), async (output, paths, options) => {
    const { openData } = await import('../data/index.ts');
    const { calibrate, checkPlanFolder, recordPair, savePlan } = await import('../plan/index.ts');
    const { Engine } = await import('../runtime/index.ts');
    const { data: source, split, limit, seed, workers, threads, labels, mean, std, shape, maxDrop } = options;
    const servables = await openBoth(paths as [string, string], definedOnly({ labels, mean, std, shape }));
    const [small, big] = [servables[0].plan, servables[1].plan];
    await checkPlanFolder([small.root, big.root], options.output);
    for (const servable of servables) noteGuess(servable, output.warn);
    const data = await openData(source, { ...definedOnly({ split, limit }), seed, preferredSplits: ['val', 'train'] });
    const engine = new Engine(definedOnly({ workers, threads }));
    const progress = output.progress('images', data.size);
    try {
      const recorded = await recordPair(engine, small, big, data, progress.update);
      progress.end();
      if (data.skipped > 0) output.warn(skippedLine(data));
      const heldOut = HELD_OUT.get(data.split ?? '');
      const calibration = calibrate(recorded.record, { ...recorded, maxDrop, ...definedOnly({ heldOut }) });
      for (const warning of calibration.warnings) output.warn(warning);
      const { picked } = calibration;
      const cascade = picked && cascadeOf(small, big, picked.threshold, options);
      const plan = cascade === undefined ? null : await savePlan(cascade, options.output);
      const report: PairReport = { plan, small: servables[0], big: servables[1], recorded, calibration, maxDrop };
      output.result(reportOf(report), () => describePair(report));
      if (plan === null) throw new CommandFailure(whyNot(report));
    } finally {
      progress.end();
      await engine.close();
      await data.close();
    }
  });
}

/** What neither a bare model's file nor the call says, a plan beside it does. */
async function openBoth(paths: readonly [string, string], told: SourceOverrides): Promise<[Servable, Servable]> {
  const { isPlanPath, openServable } = await import('../plan/index.ts');
  const arePlans = await Promise.all(paths.map(isPlanPath));
  const [option] = Object.keys(told);
  if (option !== undefined && arePlans.every((isPlan) => isPlan)) {
    throw new UsageError(`--${option} is of bare models, and both of these are plans, which say it themselves`);
  }
  const servables = await Promise.all(paths.map((path, i) => (arePlans[i] ? openServable(path) : undefined)));
  const known = servables.find((servable) => servable !== undefined)?.plan;
  const open = async (path: string): Promise<Servable> => {
    if (known === undefined) return openServable(path, told);
    // A file that does not even say how many classes there are cannot be opened without the plan's.
    const own = await openServable(path, told).catch(() => undefined);
    const origin = (from: Origin = 'convention'): Origin => (from === 'convention' ? 'plan' : from);
    const [labelsFrom, preprocessingFrom] = [origin(own?.labelsFrom), origin(own?.preprocessingFrom)];
    const { mean, std } = known.input;
    const { plan } = await openServable(path, {
      ...(labelsFrom === 'plan' && { labels: known.labels }),
      ...(preprocessingFrom === 'plan' && { mean, std }),
      ...told,
    });
    return { plan, preprocessingFrom, labelsFrom };
  };
  const [small, big] = await Promise.all(paths.map(async (path, i) => servables[i] ?? open(path)));
  return [small as Servable, big as Servable];
}

function cascadeOf(small: Plan, big: Plan, confidence: number, { name, output }: Options): Plan {
  return {
    name: name ?? planNameOf(output) ?? `${small.name}-${big.name}`,
    input: big.input,
    labels: big.labels,
    root: { kind: 'cascade', small: small.root, big: big.root, confidence },
  };
}
