/**
 * A model with its layers in int8. Inputs and outputs stay float; every value keeps its name: that of a rounded one stands
 * for the numbers after rounding. With fewer than 8 bits the integers take only part of a byte; the model computes what
 * such hardware would.
 */
import { SkeinError } from '../../base/index.ts';
import type { Model } from '../../graph/index.ts';
import {
  type PlanOptions,
  planQuantization,
  prepareForQuantization,
  type QuantizationPlan,
} from './plan-quantization.ts';
import { type Bits, Quantizer, type Ranges } from './quantizer.ts';

export interface QuantizeOptions extends PlanOptions {
  /**
   * Of weights, 2 to 8; 8 unless told. With 7, sums of two products fit into 16 bits: processors without VNNI then compute
   * exactly with their fast instruction (Intel's pmaddubsw saturates).
   */
  readonly weightBits?: number;
  /** Of activations, 2 to 8; 8 unless told. */
  readonly activationBits?: number;
}

/** The values whose ranges `quantizeModel` asks for with this plan. */
export function rangeValues({ ranges }: Pick<QuantizationPlan, 'ranges'>): string[] {
  return [...new Set([...ranges.values()].map(({ value }) => value))];
}

/**
 * @throws SkeinError 'invalid-argument' for a range that is missing or none, and as `planQuantization` does
 */
export function quantizeModel(model: Model, ranges: Ranges, options: QuantizeOptions = {}): Model {
  const bits = bitsOf(options);
  const prepared = prepareForQuantization(model);
  return new Quantizer(prepared, planQuantization(prepared, options), ranges, bits).write();
}

/** @throws SkeinError 'invalid-argument' for numbers of bits that integers of a byte cannot have */
export function bitsOf({ weightBits = 8, activationBits = 8 }: QuantizeOptions): Bits {
  for (const bits of [weightBits, activationBits]) {
    if (Number.isInteger(bits) && bits >= 2 && bits <= 8) continue;
    throw new SkeinError('invalid-argument', `Quantised values have 2 to 8 bits, received ${bits}`);
  }
  return { weightBits, activationBits };
}
