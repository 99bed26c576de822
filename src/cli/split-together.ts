/** Training the parts of `skein split` as one model, by the answer that they give together. */
import type { Model } from '../graph/index.ts';
import { fineTuner } from './fine-tuner.ts';
import type { SplitFlags } from './split.ts';
import { type SplitContext, type SplitPart, stopIf } from './split-context.ts';
import { record } from './split-measure.ts';
import { count } from './table.ts';

/** What classes are above 'other' by where one part has all of them: no image is that. */
const NEVER_OTHER = 30;

/**
 * The parts with weights trained for `--joint-epochs`, from where their own training left them; as they are for none.
 * @throws SkeinError as `fineTune` and `jointModel` do
 */
export async function trainTogether(
  context: SplitContext,
  parts: readonly SplitPart[],
  flags: SplitFlags,
): Promise<readonly SplitPart[]> {
  if (flags.jointEpochs === 0) return parts;
  const { calibrateJointly, combinedScores, commonOffset, jointModel, withOffset } = await import('../split/index.ts');
  const { costOf } = await import('../ops/index.ts');
  const { inputShapesOf } = await import('../compress/index.ts');
  const { training, validation, preprocessing, teacher, heldOut, stages, output, signal } = context;
  const scoresOf = async (each: readonly SplitPart[]) => {
    const recorded = await record(context, each, heldOut);
    return combinedScores(recorded, recorded[0]?.labels ?? new Int32Array(), 'subtracted');
  };
  // Parts that were trained apart begin on one scale.
  const { scale, bias } = calibrateJointly(await scoresOf(parts));
  const ofClasses = (numbers: Float64Array, classes: readonly number[]) => classes.map((c) => numbers[c] as number);
  const joint = jointModel(
    parts.map(({ model, classes }) => ({
      ...{ model, classes },
      ...{ scale: ofClasses(scale, classes), bias: ofClasses(bias, classes) },
    })),
  );
  stopIf(signal);
  const { params, macs } = costOf(joint.model, { inputShapes: inputShapesOf(joint.model, preprocessing.shape) });
  output.note(`all ${parts.length} parts together: ${count(params)} parameters, ${count(macs)} MACs`);
  const fineTune = fineTuner(
    { ...flags, epochs: flags.jointEpochs },
    {
      ...{ training, validation, preprocessing, teacher, stages, output, signal },
    },
  );
  const trained = joint.partsOf(await fineTune('together', joint.model, { frozen: joint.frozen }));
  const together = parts.map((part, i) => ({ ...part, model: trained[i] as Model }));
  const offset = together.length === 1 ? NEVER_OTHER : commonOffset(await scoresOf(together));
  return together.map((part) => ({ ...part, model: withOffset(part.model, part.classes.length, offset) }));
}
