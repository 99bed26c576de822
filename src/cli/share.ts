/** `skein share`: Deep Compression (Han et al. 2016) of a model into a `.skz` file, or into ONNX with the same weights. */
import { Command, Option } from 'commander';
import type { CompressionStep } from '../compress/index.ts';
import { CRITERIA, type Criterion } from '../transforms/share/magnitude-masks.ts';
import { numberBetween, wholeNumber } from './command.ts';
import { type CompressionContext, type CompressionFlags, compressionCommand, withCompression } from './compression.ts';
import { observeMoments } from './observe-moments.ts';
import { describeLayers, describeSteps, type MeasuredStep } from './share-report.ts';
import { percent } from './table.ts';

interface Flags extends CompressionFlags {
  readonly sparsity: number;
  readonly steps: number;
  readonly criterion: Criterion;
  readonly convBits: number;
  readonly fcBits: number;
  readonly convIndexBits: number;
  readonly fcIndexBits: number;
  readonly codebookRate: number;
  readonly compensate: boolean;
}

/** Some weights must stay. */
const LARGEST_SPARSITY = 0.9999;

/** Held-out images that each step is measured with: enough to see what a step costs. */
const STEP_IMAGES = 500;
/** Training images that show what the weights that stay have to answer. */
const MOMENT_IMAGES = 512;

export function shareCommand(): Command {
  const command = new Command('share')
    .description(
      'Deep Compression: prune weights, share what is left in codebooks, and write both Huffman-coded as a .skz file, which every command opens (or as plain .onnx)',
    )
    .option('--sparsity <share>', 'of all weights that become zero', numberBetween(0, LARGEST_SPARSITY), 0.9)
    .option('--steps <n>', 'prunings, each with retraining behind it', wholeNumber(1, 100), 3)
    .addOption(
      new Option('--criterion <name>', 'what decides between layers: the smallest of each go')
        .choices([...CRITERIA])
        .default('lamp'),
    )
    .option('--conv-bits <n>', 'of a shared weight of a convolution: up to 2^n values a layer', wholeNumber(1, 8), 8)
    .option('--fc-bits <n>', 'the same of a matrix', wholeNumber(1, 8), 5)
    .option('--conv-index-bits <n>', 'of the distance to the next weight of a convolution', wholeNumber(1, 8), 8)
    .option('--fc-index-bits <n>', 'the same of a matrix', wholeNumber(1, 8), 5)
    .option(
      '--codebook-rate <n>',
      "the highest learning rate of the codebooks' training (adamw)",
      numberBetween(1e-12, 1e3),
      1e-4,
    )
    .option(
      '--no-compensate',
      'leave the weights that stay as they are, instead of letting them speak for those that go (least squares on what layers answer to 512 training images)',
    );
  return compressionCommand<Flags>(withCompression(command, { epochs: 6 }), compress, ['.skz', '.onnx']);
}

async function compress(context: CompressionContext, flags: Flags) {
  const { deepCompression, sizeReport } = await import('../compress/index.ts');
  const { weightTensors } = await import('../transforms/index.ts');
  const { training, output, signal, fineTune } = context;
  const { sparsity, steps, criterion, convBits, fcBits, epochs, codebookRate, seed, compensate } = flags;
  const measured: MeasuredStep[] = [await measure(context, { name: 'original', sparsity: 0, model: context.model })];
  let progress: ReturnType<typeof output.progress> | undefined;
  const model = await deepCompression(context.model, {
    sparsity,
    steps,
    criterion,
    epochs,
    codebookRate,
    training,
    seed,
    signal,
    fineTune,
    bits: { conv: convBits, fc: fcBits },
    ...(compensate && {
      moments: (model, step) => observeMoments(context, model, { images: MOMENT_IMAGES, seed: seed + step }),
    }),
    onLayer: (done, all, name) => {
      progress ??= output.progress('layers fitted to what stays', all, { exitOnInterrupt: false });
      progress.update(done, name);
    },
    onStep: async (step) => {
      progress?.end();
      progress = undefined;
      const now = await measure(context, step);
      measured.push(now);
      output.note(`${now.name}: ${percent(now.sparsity, 2)} of the weights are zero, ${percent(now.top1, 2)} right`);
    },
  }).finally(() => progress?.end());
  const kinds = new Map(weightTensors(model).map(({ name, kind }) => [name, kind]));
  const indexBits = (name: string): number => (kinds.get(name) === 'fc' ? flags.fcIndexBits : flags.convIndexBits);
  const sizes = sizeReport(model, indexBits);
  const { layers, total, otherBytes, fileBytes } = sizes;
  return {
    model,
    write: { skz: { indexBits } },
    recipe: { sparsity, steps, criterion, convBits, fcBits, codebookRate, compensate },
    report: { layers, total, otherBytes, skzBytes: fileBytes, steps: measured },
    lines: [
      ...describeLayers(sizes),
      '',
      ...describeSteps(sizes, measured, Math.min(STEP_IMAGES, context.heldOut.size)),
    ],
  };
}

async function measure(
  { meter, heldOut, preprocessing }: CompressionContext,
  { name, sparsity, model }: Omit<CompressionStep, 'name'> & { readonly name: string },
): Promise<MeasuredStep> {
  const { shuffledSampler } = await import('../data/index.ts');
  const order = shuffledSampler(heldOut.size, 0).order(0).slice(0, STEP_IMAGES);
  const { top1 } = await meter.accuracy(model, heldOut, preprocessing, { order });
  return { name, sparsity, top1 };
}
