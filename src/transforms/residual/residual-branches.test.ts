import { expect, it } from 'vitest';
import { randomFeeds, runModel } from '../../../test/run-onnx.ts';
import { GraphEditor, type Model, makeNode, Tensor, validateModel } from '../../graph/index.ts';
import { costOf, GraphBuilder } from '../../ops/index.ts';
import { buildArchitecture } from '../../zoo/index.ts';
import { removeBranches, residualBranches } from './residual-branches.ts';

/** The model with these values multiplied by 0. */
function silenced(model: Model, values: readonly string[]): Model {
  const editor = new GraphEditor(model.graph);
  const zero = editor.addInitializer('zero', Tensor.float32([], Float32Array.of(0)));
  for (const value of values) {
    const silent = editor.freshName(`${value}_silent`);
    editor.replaceUses(new Map([[value, silent]]));
    editor.addNode(makeNode({ opType: 'Mul', inputs: [value, zero], outputs: [silent] }));
  }
  return { ...model, graph: editor.build() };
}

// ResNets of 9, 15 blocks of which the first of the second and third stage change the shape (He et al. 2016, table 6);
// MobileNetV2's 17 blocks have 10 shortcuts (Sandler et al. 2018, table 2: n − 1 in each row); the others by their papers.
it.each([
  ['resnet20', 7],
  ['resnet32', 13],
  ['mobilenetv2', 10],
  ['vgg11', 0],
  ['densenet-40-12', 0],
])('finds the identity shortcuts of %s', (name, count) => {
  expect(residualBranches(buildArchitecture(name, { classes: 10, seed: 1 }))).toHaveLength(count);
});

it.each(['resnet32', 'mobilenetv2', 'resnext56', 'resnet164', 'wrn-16-4', 'shufflenetv2-x0.5'])(
  'a %s without some of its branches is one whose branches give zeros',
  async (name) => {
    const model = buildArchitecture(name, { classes: 10, seed: 2 });
    const some = residualBranches(model).filter((_, i) => i % 3 !== 1);
    const smaller = removeBranches(model, some);
    validateModel(smaller);
    if (some.length > 0) expect(costOf(smaller).macs).toBeLessThan(costOf(model).macs);
    const feeds = randomFeeds(model, 5);
    const [pruned, zeroed] = await Promise.all([
      runModel(smaller, feeds),
      runModel(
        silenced(
          model,
          some.map(({ added }) => added),
        ),
        feeds,
      ),
    ]);
    const output = model.graph.outputs[0]?.name ?? '';
    const [got, expected] = [pruned, zeroed].map((outputs) => [...((outputs[output]?.data ?? []) as Float32Array)]);
    const scale = Math.max(...(expected ?? []).map(Math.abs));
    expect(scale).toBeGreaterThan(0);
    for (const [i, value] of (expected ?? []).entries())
      expect(Math.abs((got?.[i] ?? 0) - value)).toBeLessThan(1e-5 * scale);
  },
);

it('leaves a branch alone that something else looks into', () => {
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', ['batch', 4, 8, 8]);
  const inside = b.relu(b.conv(x, { out: 4, kernel: 3, padding: 1 }));
  const sum = b.add(x, b.conv(inside, { out: 4, kernel: 3, padding: 1 }));
  b.output('y', sum);
  b.output('seen', inside);
  expect(residualBranches(b.build())).toEqual([]);
});

it('leaves a sum alone whose other side would have another shape', () => {
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', ['batch', 4, 8, 8]);
  b.output('y', b.add(b.globalAveragePool(x), b.conv(x, { out: 4, kernel: 3, padding: 1 })));
  expect(residualBranches(b.build())).toEqual([]);
});

it('removes the block that a model ends in', async () => {
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', [1, 4, 8, 8]);
  b.output('y', b.add(b.conv(x, { out: 4, kernel: 3, padding: 1 }), x));
  const model = b.build();
  const smaller = removeBranches(model, residualBranches(model));
  expect(smaller.graph.nodes.map(({ opType }) => opType)).toEqual(['Identity']);
  expect(smaller.graph.initializers.size).toBe(0);
});

it('takes the cubic term of a GELU for no block', () => {
  const b = new GraphBuilder({ seed: 1 });
  const x = b.conv(b.input('input', 'float32', ['batch', 3, 8, 8]), { out: 4, kernel: 3, padding: 1 });
  const scalar = (value: number): string => b.constant(Tensor.scalar('float32', value));
  const cubed = b.mul(b.op('Pow', [x, scalar(3)]), scalar(0.044715));
  const inner = b.op('Tanh', [b.mul(b.add(x, cubed), scalar(Math.sqrt(2 / Math.PI)))]);
  const gelu = b.mul(b.mul(x, scalar(0.5)), b.add(inner, scalar(1)));
  const block = b.add(gelu, b.conv(gelu, { out: 4, kernel: 3, padding: 1 }));
  b.output('logits', b.linear(b.flatten(b.globalAveragePool(block)), { out: 4 }));
  expect(residualBranches(b.build()).map(({ output }) => output)).toEqual([block]);
});
