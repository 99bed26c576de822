/**
 * All parts as one model that is trained by the answer they give together. Each part's own task knows nothing of the others'
 * scores, so that what separately trained parts say of an image may contradict each other (sensAI leaves it at that, and
 * trains for longer); the cross-entropy of the softmax over all is what the formation is judged by. The parts stay as disconnected
 * as they were.
 */
import type { Model } from '../../graph/index.ts';
import { linearScores, separable } from '../../transforms/index.ts';
import type { LabelledScores } from '../combine/joint-calibration.ts';
import { minimize } from '../combine/minimize.ts';
import { joinedScores, type PartToMerge } from '../merge/merged-model.ts';

export interface JointModel {
  /** Logits [batch, classes of all parts]: log odds against 'other', calibrated. */
  readonly model: Model;
  /** Initializers that joining is made of: the parts' own weights can say as much. */
  readonly frozen: (name: string) => boolean;
  /** The parts' models, with what `model` has learned. */
  readonly partsOf: (trained: Model) => Model[];
}

/**
 * @param parts each class from 0 on in exactly one
 * @throws SkeinError 'unsupported' where they cannot be one model, see `separable`; 'invalid-argument' where a part's scores are
 * not of its classes
 */
export function jointModel(parts: readonly PartToMerge[]): JointModel {
  const { model, ofParts, takeApart } = separable(parts.map((part) => part.model));
  return {
    model: joinedScores(model, parts, 'subtracted'),
    frozen: (name) => !ofParts.has(name),
    partsOf: takeApart,
  };
}

/**
 * What, added to the log odds of all classes alike, makes each of them say best by itself whether an image is of its class,
 * images of the class and others weighing the same. The softmax over all does not see it, so that training by that leaves it
 * to chance; a part's own accuracy does.
 * @param scores log odds of all classes; every class has images
 */
export function commonOffset({ scores, labels, classes }: LabelledScores): number {
  const counts = new Float64Array(classes);
  for (const label of labels) counts[label] = (counts[label] as number) + 1;
  const [offset = 0] = minimize(
    ([x = 0]) => {
      let [value, gradient] = [0, 0];
      for (const [row, label] of labels.entries()) {
        for (let c = 0; c < classes; c++) {
          const own = counts[c] as number;
          const weight = 1 / (c === label ? own : labels.length - own) / classes;
          // −log σ(z) for its own images, −log σ(−z) for others.
          const against = (c === label ? -1 : 1) * ((scores[row * classes + c] as number) + x);
          value += weight * softplus(against);
          gradient += ((c === label ? -1 : 1) * weight) / (1 + Math.exp(-against));
        }
      }
      return { value, gradient: Float64Array.of(gradient) };
    },
    Float64Array.of(0),
    { tolerance: 1e-6 },
  );
  return offset;
}

/** log(1 + eˣ), of numbers however large. */
function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

/** The part with so much added to its log odds. @param classes how many it has */
export function withOffset(model: Model, classes: number, offset: number): Model {
  if (classes === 1 && widthOf(model) === 1) return linearScores(model, [[1]], [offset]);
  const width = classes + 1;
  const identity = Array.from({ length: width }, (_, i) => Array.from({ length: width }, (_, j) => (i === j ? 1 : 0)));
  return linearScores(
    model,
    identity,
    Array.from({ length: width }, (_, i) => (i === 0 ? -offset : 0)),
  );
}

function widthOf({ graph }: Model): unknown {
  return graph.outputs[0]?.type?.dims?.[1];
}
