/**
 * Words to choose from, without what they stand for: help must come at once. As keys, so that one that is missing here does
 * not compile.
 */
import type { Loss } from '../autodiff/index.ts';
import type { ScheduleKind } from '../train/index.ts';

const losses: Readonly<Record<Loss, true>> = { 'cross-entropy': true, bce: true, mse: true };
const schedules: Readonly<Record<ScheduleKind, true>> = { constant: true, step: true, cosine: true, 'one-cycle': true };

export const LOSSES = Object.keys(losses);
export const SCHEDULES = Object.keys(schedules);
