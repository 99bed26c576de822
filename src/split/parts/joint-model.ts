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
  /** Logits [batch, classes of all parts]: log odds against 'other'. */
  readonly model: Model;
  /** Initializers that joining is made of, which says nothing that the parts could not. */
  readonly frozen: (name: string) => boolean;
  /** The parts' models, with what `model` has learned. */
  readonly partsOf: (trained: Model) => Model[];
}

/** A part, and its classes among all: each class from 0 on is in exactly one part. */
export type JointPart = Pick<PartToMerge, 'model' | 'classes'>;

/**
 * @throws SkeinError 'unsupported' where they cannot be one model, see `separable`; 'invalid-argument' where a part's scores are
 * not of its classes
 */
export function jointModel(parts: readonly JointPart[]): JointModel {
  const { model, ofParts, takeApart } = separable(parts.map((part) => part.model));
  return {
    // A calibration would be no part's, and be lost when they are apart again.
    model: joinedScores(
      model,
      parts.map(({ model: part, classes }) => ({ model: part, classes })),
      'subtracted',
    ),
    frozen: (name) => !ofParts.has(name),
    partsOf: takeApart,
  };
}

/** The part with log odds scale · z + bias of each of its classes in place of z; 'other' stays as it is. */
export function withLogOdds(model: Model, scale: readonly number[], bias: readonly number[]): Model {
  const classes = scale.length;
  if (classes === 1 && widthOf(model) === 1) return linearScores(model, [[scale[0] as number]], [bias[0] as number]);
  // Of scores [s₀, s₁ … sₘ] with z = sᵢ − s₀: scale · z + bias + s₀.
  const rows = scale.map((factor, i) => [1 - factor, ...scale.map((_, j) => (i === j ? factor : 0))]);
  return linearScores(model, [[1, ...scale.map(() => 0)], ...rows], [0, ...bias]);
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

function widthOf({ graph }: Model): unknown {
  return graph.outputs[0]?.type?.dims?.[1];
}
