/** The names of the losses, without what computes them: help must come at once. */
import type { Loss } from '../autodiff/index.ts';

export type { Loss };

export const LOSSES: readonly Loss[] = ['cross-entropy', 'bce', 'mse'];
