/**
 * What a row was trained for, so that rows can be held against each other: multiply-accumulates, as so many epochs of the
 * network that it was made of. An image that is passed through training costs three times the model's MACs (forward, and
 * backward to activations and to weights), and once those of a teacher that is asked about it. Steps of the optimizer,
 * calibration and choosing channels are not counted.
 */
import { readAugmentation, USUAL } from '../../src/cli/augmentation.ts';
import { variantsToAsk } from '../../src/compress/index.ts';
import { type Dataset, openData } from '../../src/data/index.ts';
import { modelsOf, openServable, type Plan } from '../../src/plan/index.ts';
import { partTraining } from '../../src/split/index.ts';
import type { RecipeOptions } from '../recipes/options.ts';
import { fileOf, isHundred, namedIn, recipeOf, wordsOf } from './make-recipe.ts';
import { GIVEN, HUNDRED } from './recipes.ts';

/** Of a pass forward. */
const TRAINING_PASSES = 3;

/** @param macsOf of an image, of the model in a file */
export class TrainingWork {
  readonly #options: RecipeOptions;
  readonly #macsOf: (file: string) => Promise<number>;
  readonly #data = new Map<string, Promise<Dataset>>();

  constructor(options: RecipeOptions, macsOf: (file: string) => Promise<number>) {
    this.#options = options;
    this.#macsOf = macsOf;
  }

  /** MACs of all training that led to it, after what is given. @param base the network that no training is counted of */
  async of(name: string, base: string): Promise<number> {
    if (GIVEN.has(name) || name === base) return 0;
    const recipe = recipeOf(name);
    let work = 0;
    for (const before of recipe.of) work += await this.of(before, base);
    const words = wordsOf(recipe, this.#options);
    const numberAfter = (word: string): number => (words.includes(word) ? Number(words[words.indexOf(word) + 1]) : 0);
    const [epochs, jointEpochs] = [numberAfter('--epochs'), numberAfter('--joint-epochs')];
    if (epochs + jointEpochs === 0) return work;
    const taughtBy = namedIn(recipe)[0] ?? (words.includes('--distill') ? recipe.of[0] : undefined);
    const teacher = taughtBy === undefined ? 0 : await this.#macsOf(fileOf(taughtBy, this.#options));
    const data = await this.#training(name);
    const { plan } = await openServable(fileOf(name, this.#options));
    let together = 0;
    const augment = words.includes('--augment') ? readAugmentation(words[words.indexOf('--augment') + 1] ?? '') : USUAL;
    /** Of a training for so many epochs of so many images: the teacher may have been asked about all of them beforehand. */
    const asked = (count: number, images: number): number =>
      count === 0
        ? 0
        : data.size * (variantsToAsk(data, { augmentation: augment, epochs: count }) ?? 0) || count * images;
    for (const [macs, images] of await this.#trained(plan, data)) {
      work += epochs * images * TRAINING_PASSES * macs + asked(epochs, images) * teacher;
      together += macs;
    }
    return work + jointEpochs * data.size * TRAINING_PASSES * together + asked(jointEpochs, data.size) * teacher;
  }

  /** MACs of an epoch of a network. */
  async epochOf(name: string): Promise<number> {
    const { size } = await this.#training(name);
    return TRAINING_PASSES * size * (await this.#macsOf(fileOf(name, this.#options)));
  }

  async close(): Promise<void> {
    for (const data of this.#data.values()) await (await data).close();
  }

  /** Models, with the images that each is trained on in an epoch. */
  async #trained({ root }: Plan, data: Dataset): Promise<[macs: number, images: number][]> {
    if (root.kind === 'parallel') {
      const trained: [number, number][] = [];
      for (const { classes, node } of root.parts) {
        const { sampler, training } = partTraining(classes, { training: data, seed: 0 });
        const images = sampler?.order(0).length ?? training.size;
        if (node.kind === 'model') trained.push([await this.#macsOf(node.file), images]);
      }
      return trained;
    }
    const files = [...modelsOf(root)].map(({ node }) => node.file);
    return Promise.all(files.map(async (file) => [await this.#macsOf(file), data.size]));
  }

  #training(name: string): Promise<Dataset> {
    const { data, limit } = this.#options;
    const source = isHundred(name) ? HUNDRED : `${data}/train.tar`;
    const opened =
      this.#data.get(source) ?? openData(source, { preferredSplits: ['train'], ...(limit !== undefined && { limit }) });
    this.#data.set(source, opened);
    return opened;
  }
}
