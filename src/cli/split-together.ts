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
  const { calibrateJointly, combinedScores, commonOffset, jointModel, jointQuality, uncalibrated, withLogOdds } =
    await import('../split/index.ts');
  const { costOf } = await import('../ops/index.ts');
  const { inputShapesOf } = await import('../compress/index.ts');
  const { training, validation, preprocessing, teacher, heldOut, stages, output, signal } = context;
  const scoresOf = async (each: readonly SplitPart[]) => {
    const recorded = await record(context, each, heldOut);
    return combinedScores(recorded, recorded[0]?.labels ?? new Int32Array(), 'subtracted');
  };
  const scaled = (each: readonly SplitPart[], scale: Float64Array, bias: Float64Array): SplitPart[] =>
    each.map((part) => {
      const ofPart = (numbers: Float64Array): number[] => part.classes.map((c) => numbers[c] as number);
      return { ...part, model: withLogOdds(part.model, ofPart(scale), ofPart(bias)) };
    });
  // Parts that were trained apart begin on one scale, and what they learn stays in them.
  const before = await scoresOf(parts);
  const calibration = calibrateJointly(before);
  const begun = scaled(parts, calibration.scale, calibration.bias);
  const joint = jointModel(begun);
  stopIf(signal);
  const { params, macs } = costOf(joint.model, { inputShapes: inputShapesOf(joint.model, preprocessing.shape) });
  output.note(`all ${parts.length} parts together: ${count(params)} parameters, ${count(macs)} MACs`);
  const fineTune = fineTuner(
    { ...flags, epochs: flags.jointEpochs },
    { training, validation, preprocessing, teacher, stages, output, signal },
  );
  const trained = joint.partsOf(await fineTune('together', joint.model, { frozen: joint.frozen }));
  const together = begun.map((part, i) => ({ ...part, model: trained[i] as Model }));
  const after = await scoresOf(together);
  const { classes } = after;
  const lossBefore = jointQuality(before, calibration).loss;
  const lossAfter = jointQuality(after, calibrateJointly(after)).loss;
  if (lossAfter > lossBefore) {
    output.warn(
      `training the parts together made their answer worse (cross-entropy ${lossBefore.toFixed(4)} before, ${lossAfter.toFixed(4)} after, on ${heldOut.source}): they stay as they were`,
    );
    return parts;
  }
  const offset = together.length === 1 ? NEVER_OTHER : commonOffset(after);
  return scaled(together, uncalibrated(classes).scale, new Float64Array(classes).fill(offset));
}
