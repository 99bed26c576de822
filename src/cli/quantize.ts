/** `skein quantize`: int8 for what gets faster by it and keeps its accuracy, or weights stored as float16. */
import { dirname, extname } from 'node:path';
import { Command, Option } from 'commander';
import { checkWritable, writeFileAtomically } from '../base/index.ts';
import type { BitSweep, QuantizedLayer, QuantizeOutcome, RangeMethod } from '../compress/index.ts';
import { definedOnly, numberBetween, UsageError, wholeNumber } from './command.ts';
import {
  type Compressed,
  type CompressionContext,
  type CompressionFlags,
  compressionCommand,
  withCompression,
} from './compression.ts';
import { describeSweep, drawSweep } from './quantize-sweep.ts';
import { formatTable, percent } from './table.ts';

interface Flags extends CompressionFlags {
  readonly method?: RangeMethod;
  readonly percentile?: number;
  readonly images?: number;
  readonly exclude?: readonly string[];
  readonly weightBits?: number;
  readonly maxDrop?: number;
  readonly sensitivity?: true;
  readonly sweep?: string;
  readonly fp16?: true;
}

/** Points. */
const MAX_DROP = 0.3;

export function quantizeCommand(): Command {
  const command = new Command('quantize')
    .description('compute in int8: static, activations u8, weights s8 a channel; or store weights as float16')
    .addOption(
      new Option('--method <name>', 'how ranges of activations follow from what is seen (default: mse)').choices([
        'min-max',
        'percentile',
        'entropy',
        'mse',
      ]),
    )
    .option('--percentile <n>', 'of --method percentile: percent that stay (default: 99.99)', numberBetween(1, 100))
    .option('--images <n>', 'images that ranges are seen on (default: 256)', wholeNumber(1))
    .option('--exclude <names>', 'layers that stay in float, * stands for any letters: /conv1/*', (text) =>
      text.split(',').map((name) => name.trim()),
    )
    .option(
      '--max-drop <points>',
      `of held-out accuracy; layers that cost more stay in float (default: ${MAX_DROP})`,
      numberBetween(0, 100),
    )
    .option(
      '--weight-bits <n>',
      'of a byte that weights use: 7 makes processors without VNNI as fast and exact; fewer are simulated (default: 8)',
      wholeNumber(2, 8),
    )
    .option('--sensitivity', 'show what each layer by itself costs, also where all of them may be int8')
    .option(
      '--sweep <file.svg>',
      'draw accuracy against bits, 8 to 2, of the whole model and of each layer, whatever else is asked for',
    )
    .option('--fp16', 'only store weights as float16: half the file, no gain in time');
  withCompression(command, { epochs: 0, rate: 0.001 });
  command.addHelpText(
    'after',
    '\n--epochs trains with the rounding where --max-drop is not met without; then layers go back to float until it is.',
  );
  return compressionCommand<Flags>(command, quantize);
}

async function quantize(context: CompressionContext, flags: Flags): Promise<Compressed> {
  await checkWords(flags);
  return flags.fp16 ? asHalf(context) : asInt8(context, flags);
}

async function checkWords({ fp16, method, percentile, sweep, output, ...others }: Flags): Promise<void> {
  if (percentile !== undefined && method !== 'percentile') {
    throw new UsageError(`--percentile is of --method percentile, received --method ${method ?? 'mse'}`);
  }
  const { images, exclude, weightBits, maxDrop, sensitivity, distill, teacher } = others;
  const epochs = others.epochs > 0 ? others.epochs : undefined;
  const more = { 'weight-bits': weightBits, 'max-drop': maxDrop, sensitivity, sweep, epochs, distill, teacher };
  const ofInt8 = { method, images, exclude, ...more };
  const [meaningless] = Object.entries(ofInt8).find(([, value]) => fp16 && value !== undefined) ?? [];
  if (meaningless !== undefined)
    throw new UsageError(`--fp16 rounds nothing to integers: --${meaningless} means nothing`);
  if (sweep === undefined) return;
  if (extname(sweep) !== '.svg') throw new UsageError(`--sweep must end in .svg, received '${sweep}'`);
  await checkWritable(dirname(sweep));
}

async function asHalf({ model }: CompressionContext): Promise<Compressed> {
  const { halfWeights, runPasses } = await import('../transforms/index.ts');
  const { model: made, changed } = runPasses(model, [halfWeights]);
  const lines = changed ? [] : ['no weight is float32 and large enough: the file stays as it is'];
  return { model: made, lines, recipe: { fp16: true } };
}

async function asInt8(context: CompressionContext, flags: Flags): Promise<Compressed> {
  const { layerNames, quantizeToDrop } = await import('../compress/index.ts');
  const { matching } = await import('./name-patterns.ts');
  const { model, output, fineTune, ...around } = context;
  const { method = 'mse', percentile, images, seed, weightBits, maxDrop = MAX_DROP, sensitivity, epochs } = flags;
  const exclude = flags.exclude && matching('--exclude', flags.exclude, layerNames(model), 'layer that could be int8');
  let progress: ReturnType<typeof output.progress> | undefined;
  try {
    const outcome = await quantizeToDrop(
      model,
      {
        ...around,
        onNote: (line) => {
          progress?.clear();
          output.note(line);
        },
        onProgress: (what, done, total) => {
          progress ??= output.progress(what, total, { exitOnInterrupt: false });
          progress.update(done);
        },
        ...(epochs > 0 && { fineTune: (fake) => fineTune('with-rounding', fake) }),
      },
      {
        method,
        seed,
        maxDrop: maxDrop / 100,
        ...definedOnly({ percentile, images, weightBits, exclude, sensitivity }),
      },
    );
    progress?.end();
    const swept = flags.sweep === undefined ? undefined : await sweep(context, flags, method, flags.sweep);
    return {
      model: outcome.model,
      report: { layers: outcome.layers, heldOut: outcome.top1, ...definedOnly({ sweep: swept }) },
      lines: [
        ...describe(outcome),
        ...(swept === undefined ? [] : ['', ...describeSweep(swept), `drawn: ${flags.sweep}`]),
      ],
      recipe: {
        method,
        trained: outcome.trained,
        inFloat: outcome.layers.filter(({ inFloat }) => inFloat !== undefined).map(({ name }) => name),
        ...definedOnly({ percentile, images, weightBits }),
      },
    };
  } finally {
    progress?.end();
  }
}

const WHY = {
  excluded: 'float, as asked for',
  'not-faster': 'float, which is faster here',
  accuracy: 'float, for accuracy',
} as const satisfies Record<NonNullable<QuantizedLayer['inFloat']>, string>;

function describe({ layers, top1 }: QuantizeOutcome): string[] {
  const looked = layers.some(({ divergence }) => divergence !== undefined);
  const columns = [
    { title: 'layer' },
    { title: 'computed in' },
    ...(looked ? [{ title: 'divergence when it alone is int8', align: 'right' as const }] : []),
  ];
  const rows = layers.map(({ name, inFloat, divergence }) => [
    name,
    inFloat === undefined ? 'int8' : WHY[inFloat],
    ...(looked ? [divergence === undefined ? '' : divergence.toExponential(1)] : []),
  ]);
  const words = [
    `float ${percent(top1.before, 2)}`,
    `int8 ${percent(top1.int8, 2)}`,
    ...(top1.trained !== undefined ? [`trained ${percent(top1.trained, 2)}`] : []),
    `now ${percent(top1.after, 2)}`,
  ];
  return [formatTable(columns, rows), '', `held-out top-1: ${words.join(', ')}`];
}

async function sweep(context: CompressionContext, flags: Flags, method: RangeMethod, file: string): Promise<BitSweep> {
  const { observeHistograms, sweepBits } = await import('../compress/index.ts');
  const { model, meter, training, heldOut, preprocessing, signal, stages, output } = context;
  const { percentile, images, seed } = flags;
  const settings = [model, { method, percentile, images, seed }, await training.digest(), await heldOut.digest()];
  let progress: ReturnType<typeof output.progress> | undefined;
  const onProgress = (done: number, total: number): void => {
    progress ??= output.progress('models tried', total, { exitOnInterrupt: false });
    progress.update(done);
  };
  try {
    const calibration = { seed, signal, ...definedOnly({ images }) };
    const histograms = await observeHistograms(model, meter, training, preprocessing, calibration);
    const swept = await sweepBits(
      model,
      histograms,
      { meter, data: heldOut, preprocessing, seed, signal },
      {
        ranges: { method, ...definedOnly({ percentile }) },
        onProgress,
        keep: (part, make) => stages.value(`sweep-${part}`, settings, make),
      },
    );
    await writeFileAtomically(file, [Buffer.from(drawSweep(swept))]);
    return swept;
  } finally {
    progress?.end();
  }
}
