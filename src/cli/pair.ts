/** `skein pair`: calibrates a cascade of a small and a big model and writes it as a plan. */
import { basename, resolve } from 'node:path';
import { Command } from 'commander';
import type { Calibration, CurvePoint, Plan, RecordedPair, SourceOverrides } from '../plan/index.ts';
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
import { formatTable, ms, percent } from './table.ts';

type Options = DataOptions &
  EngineFlags &
  ModelOptions &
  OutputOptions & { output: string; maxDrop: number; name?: string };

export function pairCommand(): Command {
  const command = new Command('pair')
    .description('calibrate a cascade: the small model answers, the big one only where the small one is unsure')
    .argument('<small>', 'an .onnx file or a plan')
    .argument('<big>', 'an .onnx file or a plan')
    .requiredOption('-o, --output <folder>', 'where plan.json goes, and copies of the models with it')
    .option('--max-drop <fraction>', "accuracy that may be lost against the big model's", numberBetween(0, 1), 0)
    .option('--name <name>', 'of the plan (default: that of the folder)');
  return withAction<Options>(withModelOptions(withEngine(withData(command))), async (output, paths, options) => {
    const { openData } = await import('../data/index.ts');
    const { calibrate, recordPair, savePlan } = await import('../plan/index.ts');
    const { Engine } = await import('../runtime/index.ts');
    const { data: source, split, limit, seed, workers, threads, labels, mean, std, shape, maxDrop } = options;
    const [small, big] = await openBoth(paths as [string, string], definedOnly({ labels, mean, std, shape }));
    const data = await openData(source, { ...definedOnly({ split, limit }), seed, preferredSplits: ['val', 'train'] });
    const engine = new Engine(definedOnly({ workers, threads }));
    const progress = output.progress('images', data.size);
    try {
      const recorded = await recordPair(engine, small, big, data, progress.update);
      progress.end();
      if (data.skipped > 0) output.warn(skippedLine(data));
      const calibration = calibrate(recorded.record, { ...recorded, maxDrop });
      if (data.split === 'train') {
        output.warn(
          'these are training images, on which models are too sure of themselves: calibrate on held-out ones',
        );
      }
      for (const warning of calibration.warnings) output.warn(warning);
      const pays = calibration.picked !== undefined && calibration.picked.speedup > 1;
      const plan = pays
        ? await savePlan(cascadeOf(small, big, calibration.picked, options), options.output)
        : undefined;
      const report = { plan: plan ?? null, small, big, recorded, calibration, maxDrop };
      output.result(reportOf(report), () => describe(report));
      if (plan === undefined) throw new CommandFailure(whyNot(calibration, maxDrop));
    } finally {
      progress.end();
      await engine.close();
      await data.close();
    }
  });
}

/** A bare model beside a plan takes its images as the plan does, unless told otherwise. */
async function openBoth(paths: readonly [string, string], told: SourceOverrides): Promise<[Plan, Plan]> {
  const { isPlanPath, openServable } = await import('../plan/index.ts');
  const arePlans = await Promise.all(paths.map(isPlanPath));
  const [option] = Object.keys(told);
  if (option !== undefined && arePlans.every((isPlan) => isPlan)) {
    throw new UsageError(`--${option} is of bare models, and both of these are plans, which say it themselves`);
  }
  const plans = await Promise.all(
    paths.map(async (path, i) => (arePlans[i] ? (await openServable(path)).plan : undefined)),
  );
  const [known] = plans.filter((plan) => plan !== undefined);
  const overrides =
    known === undefined ? told : { labels: known.labels, mean: known.input.mean, std: known.input.std, ...told };
  const [small, big] = await Promise.all(
    paths.map(async (path, i) => plans[i] ?? (await openServable(path, overrides)).plan),
  );
  return [small as Plan, big as Plan];
}

function cascadeOf(small: Plan, big: Plan, { threshold }: CurvePoint, { name, output }: Options): Plan {
  const folder = basename(resolve(output))
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '');
  return {
    name: name ?? (folder || `${small.name}-${big.name}`),
    input: big.input,
    labels: big.labels,
    root: { kind: 'cascade', small: small.root, big: big.root, confidence: threshold },
  };
}

interface Report {
  /** The path of plan.json; null where none was written. */
  readonly plan: string | null;
  readonly small: Plan;
  readonly big: Plan;
  readonly recorded: RecordedPair;
  readonly calibration: Calibration;
  readonly maxDrop: number;
}

/** The object of `--json`. */
function reportOf({ plan, small, big, recorded, calibration, maxDrop }: Report): object {
  const { picked } = calibration;
  return {
    plan,
    confidence: picked?.threshold ?? null,
    share: picked?.share ?? null,
    accuracy: picked?.accuracy ?? null,
    speedup: picked?.speedup ?? null,
    samples: calibration.rows,
    maxDrop,
    small: { name: small.name, accuracy: calibration.smallAccuracy, msPerImage: recorded.smallMs },
    big: { name: big.name, accuracy: calibration.bigAccuracy, msPerImage: recorded.bigMs },
    curve: someOf(calibration).map(({ threshold, share, accuracy, speedup }) => ({
      threshold,
      share,
      accuracy,
      speedup,
    })),
    warnings: calibration.warnings,
  };
}

const SHOWN = [0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99, 0.999];

/** The points of the curve nearest to round thresholds, and the picked one, from low to high. */
function someOf({ curve, picked }: Calibration): CurvePoint[] {
  const shown = new Set<CurvePoint>(picked === undefined ? [] : [picked]);
  for (const threshold of SHOWN) {
    const [nearest] = [...curve].sort((a, b) => Math.abs(a.threshold - threshold) - Math.abs(b.threshold - threshold));
    if (nearest !== undefined) shown.add(nearest);
  }
  return curve.filter((point) => shown.has(point)).reverse();
}

function describe({ plan, small, big, recorded, calibration }: Report): string {
  const right = 'right' as const;
  const { picked } = calibration;
  const table = formatTable(
    [
      { title: 'threshold', align: right },
      { title: 'goes on', align: right },
      { title: 'accuracy', align: right },
      { title: 'speed-up', align: right },
      { title: '' },
    ],
    someOf(calibration).map((point) => [
      point.threshold.toFixed(3),
      percent(point.share),
      percent(point.accuracy, 2),
      `${point.speedup.toFixed(2)}x`,
      point === picked ? '<- picked' : '',
    ]),
  );
  const lines = [
    `small  ${small.name}: ${percent(calibration.smallAccuracy, 2)}, ${ms(recorded.smallMs)} an image`,
    `big    ${big.name}: ${percent(calibration.bigAccuracy, 2)}, ${ms(recorded.bigMs)} an image`,
    `on ${calibration.rows} images, of which ${calibration.differing} tell the two apart`,
    '',
    table,
  ];
  if (plan !== null && picked !== undefined) {
    const { threshold, share, accuracy, speedup } = picked;
    lines.push(
      '',
      `At confidence ${threshold} ${percent(share)} go on to ${big.name}: ${percent(accuracy, 2)} right, ${speedup.toFixed(2)} times as fast as ${big.name} alone.`,
      `written: ${plan}`,
    );
  }
  return lines.join('\n');
}

function whyNot({ picked, bigAccuracy }: Calibration, maxDrop: number): string {
  if (picked === undefined) {
    return `No threshold keeps ${percent(bigAccuracy - maxDrop, 2)} of the images right: allow a --max-drop, or take a better small model; no plan was written`;
  }
  return `No threshold pays: at ${picked.threshold}, the lowest that keeps the accuracy, ${percent(picked.share)} go on and the pair is ${picked.speedup.toFixed(2)} times as fast as the big model alone; no plan was written`;
}
