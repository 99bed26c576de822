/** Training the parts of `skein split`: one on each core, since several threads of one training wait for each other. */
import { listNames } from '../base/index.ts';
import { definedOnly, type Output } from './command.ts';
import { fineTuner, TEMPERATURE } from './fine-tuner.ts';
import { Progress } from './progress.ts';
import type { SplitFlags } from './split.ts';
import type { SplitContext, SplitPart } from './split-context.ts';
import { count } from './table.ts';

/**
 * The parts with trained weights. Where one fails the others stop, each with a checkpoint.
 * @throws SkeinError as `fineTune` does
 */
export async function trainParts(
  { training, validation, preprocessing, teacher, stages, output, signal }: SplitContext,
  parts: readonly SplitPart[],
  flags: SplitFlags,
): Promise<SplitPart[]> {
  const { partTraining } = await import('../split/index.ts');
  const { costOf } = await import('../ops/index.ts');
  const { inputShapesOf } = await import('../compress/index.ts');
  const { usableCores } = await import('../runtime/index.ts');
  const { distill, ...others } = flags;
  const all = flags.threads ?? usableCores();
  const atOnce = Math.min(flags.atOnce ?? all, parts.length);
  const threads = Math.max(1, Math.floor(all / atOnce));
  const failure = new AbortController();
  const progress = atOnce > 1 ? output.progress('parts trained', parts.length, { exitOnInterrupt: false }) : undefined;
  const fineTune = fineTuner(
    { ...others, threads },
    {
      ...{ training, validation, preprocessing, teacher, stages },
      output: progress === undefined ? output : quiet(output, progress),
      signal: AbortSignal.any([signal, failure.signal]),
    },
  );
  const taughtBy = distill === undefined ? {} : { teacher: { ...teacher, temperature: TEMPERATURE, weight: distill } };
  const train = async (part: SplitPart, i: number): Promise<SplitPart> => {
    const { classes, name, model } = part;
    const { params, macs } = costOf(model, { inputShapes: inputShapesOf(model, preprocessing.shape) });
    const names = listNames(classes.map((c) => training.classNames[c] ?? ''));
    progress?.clear();
    output.note(`${name} of ${parts.length}: ${names}; ${count(params)} parameters, ${count(macs)} MACs`);
    const told = partTraining(classes, { training, ...definedOnly({ validation }), seed: flags.seed + i, ...taughtBy });
    return { ...part, model: await fineTune(name, model, told) };
  };
  const waiting = parts.entries();
  const trained: SplitPart[] = [];
  let done = 0;
  const lane = async (): Promise<void> => {
    for (const [i, part] of waiting) {
      trained[i] = await train(part, i);
      progress?.update(++done);
    }
  };
  let first: { readonly error: unknown } | undefined;
  const stopAll = (error: unknown): void => {
    // What the others then say is only that they were stopped.
    first ??= { error };
    failure.abort();
  };
  try {
    // All have ended before anything that they use is closed.
    await Promise.all(Array.from({ length: atOnce }, () => lane().catch(stopAll)));
    if (first !== undefined) throw first.error;
    return trained;
  } finally {
    progress?.end();
  }
}

/** Speaks in lines only, above one progress of all. */
function quiet(output: Output, progress: Progress): Output {
  return {
    ...output,
    note: (line) => {
      progress.clear();
      output.note(line);
    },
    progress: (label, total) => new Progress(label, total, { write: () => {} }),
  };
}
