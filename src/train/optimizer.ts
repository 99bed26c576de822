/** Optimizers as nodes over the one vector of all parameters. They compute what PyTorch's of the same names compute. */

import type { Terms } from '../autodiff/index.ts';
import { SkeinError } from '../base/index.ts';
import type { ParameterLayout } from './parameter-layout.ts';

export interface SgdOptions {
  readonly kind: 'sgd';
  /** 0.9 unless told. */
  readonly momentum?: number;
  /** Nesterov's look ahead (Sutskever et al. 2013); false unless told. */
  readonly nesterov?: boolean;
  /** Added to the gradient times the weight; 0 unless told. */
  readonly weightDecay?: number;
}

/** Loshchilov and Hutter 2019, algorithm 2. */
export interface AdamWOptions {
  readonly kind: 'adamw';
  /** 0.9 and 0.999 unless told. */
  readonly betas?: readonly [number, number];
  /** 1e-8 unless told. */
  readonly epsilon?: number;
  /** Decoupled: a weight shrinks by this times the rate; 0.01 unless told. */
  readonly weightDecay?: number;
}

export type OptimizerOptions = SgdOptions | AdamWOptions;

/** The vectors that an optimizer keeps from step to step, each as long as the parameters; they begin with zeros. */
export function optimizerStates({ kind }: OptimizerOptions): readonly string[] {
  return kind === 'sgd' ? ['velocity'] : ['firstMoment', 'secondMoment'];
}

/** Scalars that change from step to step besides the rate, at step `step` from 1. */
export function optimizerScalars(options: OptimizerOptions, step: number): Readonly<Record<string, number>> {
  if (options.kind === 'sgd') return {};
  const [beta1, beta2] = options.betas ?? ADAM_BETAS;
  return { firstCorrection: 1 / (1 - beta1 ** step), secondCorrection: 1 / (1 - beta2 ** step) };
}

const ADAM_BETAS = [0.9, 0.999] as const;

export interface UpdateInputs {
  readonly parameters: string;
  readonly gradient: string;
  /** The learning rate, a scalar. */
  readonly rate: string;
  readonly states: Readonly<Record<string, string>>;
  readonly scalars: Readonly<Record<string, string>>;
}

export interface Update {
  readonly parameters: string;
  readonly states: Readonly<Record<string, string>>;
}

/** Writes one step. @throws SkeinError 'invalid-argument' for constants outside their range */
export function writeUpdate(t: Terms, options: OptimizerOptions, layout: ParameterLayout, of: UpdateInputs): Update {
  check(options);
  return options.kind === 'sgd' ? writeSgd(t, options, layout, of) : writeAdamW(t, options, layout, of);
}

function writeSgd(t: Terms, options: SgdOptions, layout: ParameterLayout, of: UpdateInputs): Update {
  const { momentum = 0.9, nesterov = false, weightDecay = 0 } = options;
  const gradient = decayedOnly(
    t,
    layout,
    of.gradient,
    of.parameters,
    (g, p) => t.add(g, t.scale(p, weightDecay)),
    weightDecay,
  );
  const velocity = t.add(t.scale(of.states.velocity ?? '', momentum), gradient);
  const direction = nesterov ? t.add(gradient, t.scale(velocity, momentum)) : velocity;
  return { parameters: t.sub(of.parameters, t.mul(direction, of.rate)), states: { velocity } };
}

function writeAdamW(t: Terms, options: AdamWOptions, layout: ParameterLayout, of: UpdateInputs): Update {
  const { betas = ADAM_BETAS, epsilon = 1e-8, weightDecay = 0.01 } = options;
  const { gradient, rate } = of;
  const moment = (old = '', now: string, beta: number) => t.add(t.scale(old, beta), t.scale(now, 1 - beta));
  const firstMoment = moment(of.states.firstMoment, gradient, betas[0]);
  const secondMoment = moment(of.states.secondMoment, t.mul(gradient, gradient), betas[1]);
  const mean = t.mul(firstMoment, of.scalars.firstCorrection ?? '');
  const square = t.mul(secondMoment, of.scalars.secondCorrection ?? '');
  const deviation = t.op('Sqrt', [square]);
  const direction = t.div(mean, t.add(deviation, t.scalar(epsilon, deviation)));
  const whole = decayedOnly(
    t,
    layout,
    direction,
    of.parameters,
    (d, p) => t.add(d, t.scale(p, weightDecay)),
    weightDecay,
  );
  return { parameters: t.sub(of.parameters, t.mul(whole, rate)), states: { firstMoment, secondMoment } };
}

/** `change(value, parameters)` where weights lie, `value` behind them. */
function decayedOnly(
  t: Terms,
  { decayed, size }: ParameterLayout,
  value: string,
  parameters: string,
  change: (value: string, parameters: string) => string,
  weightDecay: number,
): string {
  if (weightDecay === 0 || decayed === 0) return value;
  if (decayed === size) return change(value, parameters);
  const part = (x: string, start: number, end: number) => t.slice(x, [{ axis: 0, start, end }]);
  const changed = change(part(value, 0, decayed), part(parameters, 0, decayed));
  return t.op('Concat', [changed, part(value, decayed, size)], { axis: 0 });
}

function check(options: OptimizerOptions): void {
  const between = (name: string, value: number | undefined, low: number, high: number): void => {
    if (value === undefined || (value >= low && value < high)) return;
    throw new SkeinError(
      'invalid-argument',
      `The optimizer's ${name} must be from ${low} to below ${high}, received ${value}`,
    );
  };
  between('weight decay', options.weightDecay, 0, Number.POSITIVE_INFINITY);
  if (options.kind === 'sgd') between('momentum', options.momentum, 0, 1);
  else checkAdamW(options, between);
}

function checkAdamW(
  { betas = ADAM_BETAS, epsilon = 1e-8 }: AdamWOptions,
  between: (name: string, value: number, low: number, high: number) => void,
): void {
  if (betas.length !== 2)
    throw new SkeinError('invalid-argument', `The optimizer's betas must be two, received ${betas.length}`);
  for (const beta of betas) between('betas', beta, 0, 1);
  // Of a weight without a gradient it would be 0 / 0.
  if (epsilon > 0 && Number.isFinite(epsilon)) return;
  throw new SkeinError('invalid-argument', `The optimizer's epsilon must be above 0, received ${epsilon}`);
}
