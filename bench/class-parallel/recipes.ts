/**
 * What is made, and by which words of `skein`. Everything begins with the network that was trained on: it is as good as a
 * user's would be, and the parts' teacher. Whatever is trained after that is held against the network that was trained
 * on again (`<network>-again`), for at least as long: see training-work.ts.
 */
import { EPOCHS, RATES } from '../compression/recipes.ts';

export type Command = 'train' | 'prune' | 'split' | 'pair' | 'int8-parts';

export interface Recipe {
  readonly command: Command;
  /** What it is made of: files that are given, or names of {@link RECIPES}. */
  readonly of: readonly string[];
  /** In place of a file that it is made of. */
  readonly architecture?: string;
  /** After model and data. */
  readonly words?: readonly string[];
}

/** The families of rows, and the images that they are about. */
export const FAMILIES = ['vgg19', 'resnet56', 'hundred'] as const;
export type Family = (typeof FAMILIES)[number];

/** Files in the folder of models. */
export const GIVEN: ReadonlySet<string> = new Set(['resnet20', 'resnet56', 'vgg19']);

/** 100 drawn images of each class. */
export const HUNDRED = 'shapes:classes=100';

const AGAIN = { vgg19: 1, resnet56: 2 } as const;
const VGG_TARGETS = ['--target-params', '20x', '--target-latency', '6x'];
const SHAPES_WORDS = ['--batch', '64', '--augment', 'none'];

const epochs = (count: number, rate: string): string[] => ['--epochs', String(count), '--rate', rate];

interface NetworkWords {
  /** Of the parts for one class each. */
  readonly targets: readonly string[];
  /** How these are trained. */
  readonly training: readonly string[];
  /** What the same network is pruned to for all classes alike. */
  readonly latency: string;
}

/** What both networks of CIFAR-10 go through. */
function ofNetwork(model: 'vgg19' | 'resnet56', { targets, training, latency }: NetworkWords): Record<string, Recipe> {
  const trained = `${model}-trained`;
  const parts = `${model}-parts`;
  return {
    // As the benchmark of compressions makes it.
    [trained]: { command: 'train', of: [model], words: epochs(EPOCHS[model] as number, '0.01') },
    [`${model}-again`]: { command: 'train', of: [trained], words: epochs(AGAIN[model], '0.01') },
    [parts]: { command: 'split', of: [trained], words: ['--groups', 'per-class', ...targets, ...training] },
    [`${parts}-int8`]: { command: 'int8-parts', of: [parts] },
    [`${model}-pruned`]: {
      command: 'prune',
      of: [trained],
      words: ['--target-latency', latency, '--distill', ...epochs(2, RATES[model] as string)],
    },
    [`${model}-cascade`]: { command: 'pair', of: ['resnet20', trained] },
    [`${model}-cascade-parts`]: { command: 'pair', of: ['resnet20', parts] },
  };
}

/** Numbers of groups that the picture compares; as many as classes is per class. */
export const GROUPS = [1, 2, 5, 10] as const;

export const RECIPES: Readonly<Record<string, Recipe>> = {
  // Its parts cost so much less than itself that asking it about each image would be most of the work: both ways are shown,
  // each with about as many multiply-accumulates as an epoch of the network.
  ...ofNetwork('vgg19', { targets: VGG_TARGETS, training: epochs(5, '0.01'), latency: '6x' }),
  'vgg19-parts-taught': {
    command: 'split',
    of: ['vgg19-trained'],
    words: ['--groups', 'per-class', ...VGG_TARGETS, '--distill', ...epochs(1, '0.01')],
  },
  ...ofNetwork('resnet56', {
    targets: ['--target-params', '8x', '--target-latency', '2x'],
    training: ['--distill', ...epochs(2, '0.01')],
    latency: '2x',
  }),
  // As many times fewer MACs as there are groups, 8 at most: what `split` does unless told.
  ...Object.fromEntries(
    GROUPS.map((count): [string, Recipe] => [
      `resnet56-groups-${count}`,
      {
        command: 'split',
        of: ['resnet56-trained'],
        words: ['--groups', String(count), '--distill', ...epochs(1, '0.01')],
      },
    ]),
  ),
  hundred: { command: 'train', of: [], architecture: 'resnet20', words: [...epochs(12, '0.1'), ...SHAPES_WORDS] },
  'hundred-again': { command: 'train', of: ['hundred'], words: [...epochs(7, '0.01'), ...SHAPES_WORDS] },
  ...Object.fromEntries(
    [0, 1, 2].map((seed): [string, Recipe] => [
      `hundred-groups-${seed}`,
      {
        command: 'split',
        of: ['hundred'],
        words: [
          ...['--groups', '10', '--target-macs', '4x', '--distill', ...epochs(10, '0.02'), ...SHAPES_WORDS],
          ...['--seed', String(seed)],
        ],
      },
    ]),
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
  /** What its accuracy is held against; the network as it is unless told. */
  readonly against?: string;
  readonly bars?: Bars;
  /** Of the picture. */
  readonly groups?: number;
}

function rowsOf(family: 'vgg19' | 'resnet56', bars: Bars, more: readonly RowRecipe[]): RowRecipe[] {
  const row = (title: string, name: string, told: Partial<RowRecipe> = {}): RowRecipe => {
    return { family, title, made: [`${family}-${name}`], against: `${family}-again`, ...told };
  };
  return [
    { family, title: 'as it is', made: [family] },
    { family, title: 'trained on', made: [`${family}-trained`] },
    { family, title: 'trained on again', made: [`${family}-again`] },
    row('parts, one for each class', 'parts', { bars }),
    ...more,
    row('parts, int8', 'parts-int8'),
    row('pruned to the same critical path', 'pruned'),
    { family, title: 'resnet20 as it is', made: ['resnet20'] },
    row('cascade: resnet20, the network', 'cascade'),
    row('cascade: resnet20, the parts', 'cascade-parts'),
  ];
}

const VGG_BARS: Bars = { params: 20, speed: 6, lost: 0 };

export const ROWS: readonly RowRecipe[] = [
  ...rowsOf('vgg19', VGG_BARS, [
    {
      ...{ family: 'vgg19', title: 'parts, taught by the network', made: ['vgg19-parts-taught'] },
      ...{ against: 'vgg19-again', bars: VGG_BARS },
    },
  ]),
  ...rowsOf(
    'resnet56',
    { params: 8, speed: 2, lost: 0 },
    GROUPS.map((groups) => ({
      ...{ family: 'resnet56', title: `groups: ${groups}`, made: [`resnet56-groups-${groups}`], groups },
      against: 'resnet56-again',
    })),
  ),
  { family: 'hundred', title: 'resnet20, trained from scratch', made: ['hundred'] },
  { family: 'hundred', title: 'trained on again', made: ['hundred-again'] },
  {
    ...{ family: 'hundred', title: '10 groups of 10, three seeds', against: 'hundred-again' },
    made: ['hundred-groups-0', 'hundred-groups-1', 'hundred-groups-2'],
  },
];
