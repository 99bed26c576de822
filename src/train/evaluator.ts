/** How well the weights of now answer labelled images. */
import type { Dataset } from '../data/index.ts';
import type { NamedTensors, StateModel, TensorData } from '../runtime/index.ts';
import type { Shape } from '../tensor/index.ts';
import { CORRECT_OUTPUT } from './objective.ts';
import type { Score, TrainerOptions } from './trainer-options.ts';

export class Evaluator {
  readonly #model: StateModel;
  readonly #input: string;
  readonly #options: Pick<TrainerOptions, 'preprocessing' | 'batch'>;

  /**
   * @param model as `buildEvaluationModel` makes it
   * @param input that takes the images
   */
  constructor(model: StateModel, input: string, options: Pick<TrainerOptions, 'preprocessing' | 'batch'>) {
    this.#model = model;
    this.#input = input;
    this.#options = options;
  }

  async evaluate(data: Dataset): Promise<Score> {
    const { preprocessing, batch: most } = this.#options;
    let [images, loss, correct] = [0, 0, 0];
    for await (const batch of data.batches(preprocessing, most)) {
      const labels = BigInt64Array.from(batch.labels, BigInt);
      const { outputs } = await this.#model.run(classifierFeeds(this.#input, preprocessing.shape, batch.data, labels));
      images += batch.count;
      loss += scalarOf(outputs, 'loss') * batch.count;
      correct += scalarOf(outputs, CORRECT_OUTPUT);
    }
    return { loss: loss / images, accuracy: correct / images, images };
  }
}

/** Images, as many as labels, and these. */
export function classifierFeeds(
  input: string,
  shape: Shape,
  data: Float32Array,
  labels: BigInt64Array,
): Record<string, TensorData> {
  return {
    [input]: { dtype: 'float32', dims: [labels.length, ...shape], data },
    labels: { dtype: 'int64', dims: [labels.length], data: labels },
  };
}

export function scalarOf(outputs: NamedTensors, name: string): number {
  return Number(outputs[name]?.data[0] ?? Number.NaN);
}
