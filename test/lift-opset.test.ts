/**
 * Every operator that op-cases.ts draws, as each old operator set that ONNX Runtime takes it in, computes the same bits when it
 * is lifted. Operators whose form changed have cases of their own in src/ops/lift-opset/.
 */
import { describe, expect, it } from 'vitest';
import { Random } from '../src/base/index.ts';
import { makeNode, Tensor, type ValueInfo } from '../src/graph/index.ts';
import { oldModel, runLifted } from './old-models.ts';
import { type Case, OP_CASES } from './op-cases.ts';
import { randomFeeds } from './run-onnx.ts';

const OLD_OPSETS = [7, 8, 9, 10, 11, 12];
const TRIES = 3;
/** Drawn only as newer operator sets write them. */
const NEWER_FORMS = /^(LpPool|Reduce\w+|Resize|Split|Unsqueeze)$/;

function build(opset: number, opType: string, { inputs, attributes = {}, outputs = 1 }: Case) {
  const initializers: Record<string, Tensor> = {};
  const fed: ValueInfo[] = [];
  const names = inputs.map((input, i) => {
    if (input === null) return '';
    if (input instanceof Tensor) initializers[`x${i}`] = input;
    else fed.push({ name: `x${i}`, type: { dtype: 'float32', dims: input } });
    return `x${i}`;
  });
  while (names.at(-1) === '') names.pop();
  const made = Array.from({ length: outputs }, (_, i) => `y${i}`);
  const node = makeNode({ opType, inputs: names, outputs: made, attributes });
  return oldModel(opset, { inputs: fed, nodes: [node], outputs: made, initializers });
}

describe('liftOpset() of operators as they are drawn', () => {
  it.each(Object.entries(OP_CASES))('%s', async (opType, draw) => {
    const random = new Random(opType.length * 1000 + opType.charCodeAt(0));
    let compared = 0;
    for (const opset of OLD_OPSETS) {
      for (let i = 0; i < TRIES; i++) {
        const model = build(opset, opType, draw(random));
        const ran = await runLifted(model, randomFeeds(model, i));
        if (ran === undefined) continue;
        expect(ran.after).toEqual(ran.before);
        compared++;
      }
    }
    expect(compared > 0).toBe(!NEWER_FORMS.test(opType));
  });
});
