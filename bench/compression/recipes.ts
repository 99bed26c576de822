/**
 * What the table compares. A chain is a model and the commands that it goes through, each on what the one before made, so
 * that chains with the same beginning share it. What was trained is held against the model after as many epochs, from which
 * it also learns (distillation): what a user would do, whose model is as good as training makes it.
 */

/**
 * Words of `skein` without model, data and output. `{epochs}` stands for those of the model, `{half}` for half of them,
 * `{rate}` for that of its smaller forms, `{trained}` for what it is after its epochs, `{resnet56}` for that model.
 */
export type Step = readonly [command: string, ...words: string[]];

export interface Chain {
  /** Of its row. */
  readonly title: string;
  readonly model: string;
  /** Names of {@link STEPS}. */
  readonly steps: readonly string[];
  /** At least so many times fewer MACs, smaller, or faster than the model; at most so many points lost. */
  readonly bars?: Bars;
}

export interface Bars {
  readonly macs?: number;
  readonly speed?: number;
  readonly fileBytes?: number;
  /** From the file to what ONNX Runtime loads. */
  readonly openSeconds?: number;
  /** Points of top-1 against the model after the same training. */
  readonly lost: number;
}

/** Epochs of training that a model's rows have, its own and those of what is made of it. */
export const EPOCHS: Readonly<Record<string, number>> = { resnet20: 2, resnet56: 2, vgg19: 2 };

/** Learning rates of what is made of a model. VGG-19, whose norms are folded, does worse at 0.02 even by itself. */
export const RATES: Readonly<Record<string, string>> = { resnet20: '0.02', resnet56: '0.02', vgg19: '0.01' };

const tuned = (epochs: string): string[] => ['--epochs', epochs, '--rate', '0.01'];
// As far as training brings the model itself, it may bring its smaller forms. What lost much has further to go.
const taught = (epochs: string): string[] => [
  ...['--epochs', epochs, '--rate', '{rate}', '--teacher', '{trained}', '--distill', '0.7'],
];

export const STEPS: Readonly<Record<string, Step>> = {
  trained: ['train', ...tuned('{epochs}')],
  // What was trained for a short time only, as VGG-19 here, is better trained first: half before, half after.
  half: ['train', ...tuned('{half}')],
  pruned: ['prune', '--target-macs', '0.48', ...taught('{epochs}')],
  'pruned-then': ['prune', '--target-macs', '0.48', ...taught('{half}')],
  // Widths below what is fast save no time: with a target of time whole blocks go.
  shallower: ['prune', '--target-macs', '0.495', '--target-latency', '1.62x', ...taught('{epochs}')],
  'factorized-then': ['factorize', '--target-macs', '3x', ...taught('{half}')],
  int8: ['quantize', '--epochs', '0'],
  float16: ['quantize', '--fp16'],
  distilled: ['distill', '--teacher', '{resnet56}', ...tuned('{epochs}')],
  'shared-then': ['share', '--sparsity', '0.918', '--steps', '2', '--conv-bits', '5', ...taught('{half}')],
};

/** What is made without training is held against the model as it is, all else against the model after the same epochs. */
export const UNTRAINED: ReadonlySet<string> = new Set(['int8', 'float16']);

export const CHAINS: readonly Chain[] = [
  ...['resnet20', 'resnet56', 'vgg19'].flatMap((model): Chain[] => [
    { title: model, model, steps: [] },
    { title: 'trained on', model, steps: ['trained'] },
  ]),
  { title: 'taught by resnet56', model: 'resnet20', steps: ['distilled'] },
  { title: 'pruned', model: 'resnet20', steps: ['pruned'] },
  { title: 'int8', model: 'resnet20', steps: ['int8'] },
  { title: 'pruned', model: 'resnet56', steps: ['shallower'], bars: { macs: 2, speed: 1.6, lost: 0.5 } },
  { title: 'int8', model: 'resnet56', steps: ['int8'], bars: { speed: 1.5, lost: 0.3 } },
  { title: 'pruned, int8', model: 'resnet56', steps: ['shallower', 'int8'] },
  { title: 'float16', model: 'vgg19', steps: ['float16'] },
  { title: 'pruned', model: 'vgg19', steps: ['half', 'pruned-then'] },
  { title: 'factorized', model: 'vgg19', steps: ['half', 'factorized-then'], bars: { macs: 3, speed: 2, lost: 0.5 } },
  { title: 'int8', model: 'vgg19', steps: ['int8'], bars: { speed: 2.5, lost: 0.3 } },
  { title: 'factorized, int8', model: 'vgg19', steps: ['half', 'factorized-then', 'int8'] },
  {
    title: 'shared (.skz)',
    model: 'vgg19',
    steps: ['half', 'shared-then'],
    bars: { fileBytes: 2_000_000, openSeconds: 2, lost: 0.5 },
  },
];
