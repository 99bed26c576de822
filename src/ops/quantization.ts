/** Between floats and integers with a scale and a zero point. */
import { dtypeOfOnnx } from '../tensor/index.ts';
import { rule, typed } from './op-rule.ts';

export const quantization = {
  QuantizeLinear: rule(
    (op) => {
      const named = dtypeOfOnnx(op.int('output_dtype', 0));
      return [typed(op.has(2) ? op.dtype(2) : (named ?? 'uint8'), op.dims(0))];
    },
    { settings: [1, 2] },
  ),
  DequantizeLinear: rule((op) => [typed(dtypeOfOnnx(op.int('output_dtype', 0)) ?? op.dtype(1), op.dims(0))], {
    settings: [1, 2],
  }),
  DynamicQuantizeLinear: rule((op) => [typed('uint8', op.dims(0)), typed('float32', []), typed('uint8', [])]),
};
