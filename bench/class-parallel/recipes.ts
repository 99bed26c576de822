/**
 * What is made, and by which words of `skein`. Everything begins with the network that was trained on: it is as good as a
 * user's would be, and the parts' teacher. Whatever is trained after that is held against the network that was trained
 * on again (`<network>-again`), for at least as long: see training-work.ts.
 */
import { EPOCHS, RATES } from '../compression/recipes.ts';

export type Command = 'train' | 'prune' | 'factorize' | 'distill' | 'split' | 'pair' | 'int8-parts';

export interface Recipe {
  readonly command: Command;
  /** What it is made of: files that are given, or names of {@link RECIPES}. */
  readonly of: readonly string[];
  /** In place of a file that it is made of. */
  readonly architecture?: string;
  /** After model and data; `{name}` stands for the file of that name, which is made before. */
  readonly words?: readonly string[];
}

/** The families of rows, and the images that they are about. */
export const FAMILIES = ['vgg19', 'resnet56', 'hundred'] as const;
export type Family = (typeof FAMILIES)[number];

/** Files in the folder of models. */
export const GIVEN: ReadonlySet<string> = new Set(['resnet20', 'resnet56', 'vgg19']);

/** 100 drawn images of each class. */
export const HUNDRED = 'shapes:classes=100';

/** Epochs of the network that is trained on again: as many as the row that was trained for longest, rounded up. */
const AGAIN = { vgg19: 4, resnet56: 2 } as const;
const SHAPES_WORDS = ['--batch', '64', '--augment', 'none'];

const epochs = (count: number, rate: string): string[] => ['--epochs', String(count), '--rate', rate];
/** Without training apart before. */
const together = (count: number, rate: string): string[] => [
  ...['--epochs', '0', '--joint-epochs', String(count), '--rate', rate],
];

interface NetworkWords {
  /** The parts that go on into int8 and a cascade. */
  readonly parts: string;
  /** What the same network is pruned to for all classes alike. */
  readonly latency: string;
}

/** What both networks of CIFAR-10 go through. */
function ofNetwork(model: 'vgg19' | 'resnet56', { parts, latency }: NetworkWords): Record<string, Recipe> {
  const trained = `${model}-trained`;
  return {
    // As the benchmark of compressions makes it.
    [trained]: { command: 'train', of: [model], words: epochs(EPOCHS[model] as number, '0.01') },
    [`${model}-again`]: { command: 'train', of: [trained], words: epochs(AGAIN[model], '0.01') },
    [`${model}-pruned`]: {
      command: 'prune',
      of: [trained],
      words: ['--target-latency', latency, '--distill', ...epochs(2, RATES[model] as string)],
    },
    [`${parts}-int8`]: { command: 'int8-parts', of: [parts] },
    [`${model}-cascade`]: { command: 'pair', of: ['resnet20', trained] },
    [`${model}-cascade-parts`]: { command: 'pair', of: ['resnet20', parts] },
  };
}

/** Numbers of groups that the picture compares; as many as classes is per class. */
export const GROUPS = [1, 2, 5, 10] as const;

/** At most so many times fewer MACs: what is smaller takes longer to learn what it lost than there is time here. */
export const MOST_TIMES = 5;

/** As many times fewer MACs as there are groups; parts of a class each meet the bar's parameters, too. */
function cutTo(groups: number): string[] {
  if (groups === 1) return [];
  return ['--target-macs', `${Math.min(groups, MOST_TIMES)}x`, ...(groups === 10 ? ['--target-params', '11x'] : [])];
}

const SEEDS = [0, 1, 2] as const;
const seedsOf = (name: string): [string, ...string[]] =>
  SEEDS.map((seed) => `${name}-${seed}`) as [string, ...string[]];

export const RECIPES: Readonly<Record<string, Recipe>> = {
  ...ofNetwork('vgg19', { parts: 'vgg19-parts-together', latency: '6x' }),
  // As sensAI does it: each by itself. In all about as many multiply-accumulates as an epoch of the network.
  'vgg19-parts': {
    command: 'split',
    of: ['vgg19-trained'],
    words: ['--groups', 'per-class', '--target-params', '20x', '--target-latency', '6x', ...epochs(5, '0.01')],
  },
  // As the benchmark of compressions makes them.
  'vgg19-half': { command: 'train', of: ['vgg19'], words: epochs(1, '0.01') },
  'vgg19-half-factorized-then': {
    command: 'factorize',
    of: ['vgg19-half'],
    words: ['--target-macs', '3x', ...epochs(1, '0.01'), '--teacher', '{vgg19-trained}', '--distill', '0.7'],
  },
  // Made smaller for all classes alike first, what all parts need is trained once and not ten times. Parameters are what is
  // furthest from its bar, so that they are what channels are weighed by.
  'vgg19-parts-together': {
    command: 'split',
    of: ['vgg19-half-factorized-then'],
    words: [
      ...['--groups', 'per-class', '--target-params', '1M', '--weigh-costs', '1', ...together(1, '0.01')],
      ...['--teacher', '{vgg19-trained}'],
    ],
  },
  // Trained for as long as the parts.
  'vgg19-pruned-again': {
    command: 'distill',
    of: ['vgg19-pruned'],
    words: [...epochs(4, '0.01'), '--teacher', '{vgg19-trained}'],
  },
  ...ofNetwork('resnet56', { parts: 'resnet56-groups-10', latency: '2x' }),
  ...Object.fromEntries(
    GROUPS.map((count): [string, Recipe] => [
      `resnet56-groups-${count}`,
      {
        command: 'split',
        of: ['resnet56-trained'],
        words: ['--groups', String(count), ...cutTo(count), '--distill', ...together(1, '0.01')],
      },
    ]),
  ),
  hundred: { command: 'train', of: [], architecture: 'resnet20', words: [...epochs(12, '0.1'), ...SHAPES_WORDS] },
  // Other seeds are other drawn images, too: both sides have the same.
  ...Object.fromEntries(
    SEEDS.flatMap((seed): [string, Recipe][] => {
      const words = [...SHAPES_WORDS, '--seed', String(seed)];
      const parts = ['--groups', '10', '--target-macs', '4x', '--distill', ...epochs(4, '0.02'), '--joint-epochs', '3'];
      return [
        [`hundred-again-${seed}`, { command: 'train', of: ['hundred'], words: [...epochs(13, '0.01'), ...words] }],
        [`hundred-groups-${seed}`, { command: 'split', of: ['hundred'], words: [...parts, ...words] }],
      ];
    }),
  ),
};

export interface Bars {
  /** At least so many times fewer parameters in the largest part, and a critical path so many times shorter. */
  readonly params?: number;
  readonly speed?: number;
  /** Points of top-1 at most. */
  readonly lost?: number;
}

export interface RowRecipe {
  readonly family: Family;
  readonly title: string;
  /** A given file or a name of {@link RECIPES}; several are seeds of the same, of which the first is shown and all are judged. */
  readonly made: readonly [string, ...string[]];
  /** What its accuracy is held against, the first that it is made of; the network as it is unless told. */
  readonly against?: string;
  readonly bars?: Bars;
  /** Of the picture. */
  readonly groups?: number;
}

interface NetworkRows {
  /** The parts that go on into int8 and a cascade. */
  readonly parts: string;
  readonly pruned: string;
}

function rowsOf(family: 'vgg19' | 'resnet56', { parts, pruned }: NetworkRows, more: readonly RowRecipe[]): RowRecipe[] {
  const row = (title: string, made: string): RowRecipe => {
    return { family, title, made: [made], against: `${family}-again` };
  };
  return [
    { family, title: 'as it is', made: [family] },
    { family, title: 'trained on', made: [`${family}-trained`] },
    { family, title: 'trained on again', made: [`${family}-again`] },
    ...more,
    row('these parts, int8', `${parts}-int8`),
    row('pruned for all classes', pruned),
    { family, title: 'resnet20 as it is', made: ['resnet20'] },
    row('cascade: resnet20, the network', `${family}-cascade`),
    row('cascade: resnet20, the parts', `${family}-cascade-parts`),
  ];
}

const VGG_ROW = { family: 'vgg19', against: 'vgg19-again', bars: { params: 20, speed: 6, lost: 0 } } as const;

export const ROWS: readonly RowRecipe[] = [
  ...rowsOf('vgg19', { parts: 'vgg19-parts-together', pruned: 'vgg19-pruned-again' }, [
    { ...VGG_ROW, title: 'parts, each trained by itself', made: ['vgg19-parts'] },
    { ...VGG_ROW, title: 'parts of the factorized one, trained together', made: ['vgg19-parts-together'] },
  ]),
  ...rowsOf(
    'resnet56',
    { parts: 'resnet56-groups-10', pruned: 'resnet56-pruned' },
    GROUPS.map((groups) => ({
      ...{ family: 'resnet56', title: groups === 1 ? 'one group' : `${groups} groups, trained together`, groups },
      ...{ made: [`resnet56-groups-${groups}`], against: 'resnet56-again' },
      ...(groups === 10 && { bars: { params: 11, speed: 2, lost: 0 } }),
    })),
  ),
  { family: 'hundred', title: 'resnet20, trained from scratch', made: ['hundred'] },
  { family: 'hundred', title: 'trained on again, three seeds', made: seedsOf('hundred-again') },
  {
    ...{ family: 'hundred', title: '10 groups of 10, three seeds', made: seedsOf('hundred-groups') },
    against: 'hundred-again-0',
  },
];
