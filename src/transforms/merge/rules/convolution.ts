/** Convolutions of all parts as one: over the image they all see as its output channels, else as its groups. */
import { getInt, type Tensor } from '../../../graph/index.ts';
import type { GroupRule, GroupStep } from '../group-step.ts';
import { blocks, isBlocked, type Layout, spread } from '../layout.ts';
import type { MergedValue } from '../merge-writer.ts';

const WEIGHT = 1;
const BIAS = 2;

export const conv: GroupRule = (step) => {
  step.requireSameAttributes('group', 'kernel_shape');
  const weights = step.weights(WEIGHT);
  const [first] = weights as readonly [Tensor];
  if (!weights.every(({ dims }) => dims.slice(2).join() === first.dims.slice(2).join())) {
    return step.unlike('kernels are of other sizes');
  }
  const groups = step.nodes.map((node) => getInt(node, 'group', 1));
  const channels = step.channels(0);
  const isDepthwise = groups.some((count) => count > 1) && groups.every((count, part) => count === channels[part]);
  if (isDepthwise) return depthwise(step, weights);
  if (groups.some((count) => count > 1)) return step.unlike('its groups are neither one nor one a channel');
  return grouped(step, step.value(0), weights, biasesOf(step));
};

/**
 * @param weights [out, in, …] of each part
 * @param biases [out] of each part
 */
export function grouped(
  step: GroupStep,
  value: MergedValue,
  weights: readonly Tensor[],
  biases: readonly Tensor[] | undefined,
): MergedValue {
  const layout = blocks(weights.map(({ dims: [out = 0] }) => out));
  const parts = weights.length;
  let input = value.name;
  let own: readonly Tensor[] = weights;
  if (value.layout !== undefined) {
    const from = isBlocked(value.layout) ? value.layout : blocks(weights.map(({ dims: [, width = 0] }) => width));
    input = step.relaid(value, from);
    const width = from.total / parts;
    own = weights.map((weight, part) => spread([weight], 1, inBlock(from, part, width)));
  }
  return {
    name: convOf(step, input, spread(own, 0, layout), biases && spread(biases, 0, layout), value.layout ? parts : 1),
    layout,
  };
}

/** One part's channels, counted from where its block begins. */
function inBlock({ positions }: Layout, part: number, width: number): Layout {
  return { total: width, positions: [(positions[part] as Int32Array).map((at) => at - part * width)] };
}

/** A filter, or several, for each channel by itself. */
function depthwise(step: GroupStep, weights: readonly Tensor[]): MergedValue {
  const { name, layout } = step.value(0);
  if (layout === undefined) return step.unlike('it is depthwise on the image itself');
  const channels = step.channels(0);
  const [multiple = 0, ...others] = weights.map(({ dims: [out = 0] }, part) => out / (channels[part] as number));
  if (others.some((each) => each !== multiple)) return step.unlike('channels have other numbers of filters');
  const made: Layout = {
    total: layout.total * multiple,
    positions: layout.positions.map((own) =>
      Int32Array.from(
        { length: own.length * multiple },
        (_, o) => (own[Math.floor(o / multiple)] as number) * multiple + (o % multiple),
      ),
    ),
  };
  const biases = biasesOf(step);
  const convolved = convOf(step, name, spread(weights, 0, made), biases && spread(biases, 0, made), layout.total);
  return { name: convolved, layout: made };
}

/** Undefined where no part has one. */
function biasesOf(step: GroupStep): readonly Tensor[] | undefined {
  if (step.nodes.every(({ inputs }) => (inputs[BIAS] ?? '') === '')) return undefined;
  return step.weights(BIAS);
}

function convOf(step: GroupStep, input: string, weight: Tensor, bias: Tensor | undefined, groups: number): string {
  const { writer, node, base } = step;
  const inputs = [input, writer.constant(`${base}.weight`, weight)];
  if (bias !== undefined) inputs.push(writer.constant(`${base}.bias`, bias));
  const isConv = node.opType === 'Conv';
  const attributes = new Map(isConv ? node.attributes : []).set('group', { kind: 'int', value: BigInt(groups) });
  const output = writer.freshName(base);
  writer.add({ name: output, opType: 'Conv', domain: '', inputs, outputs: [output], attributes });
  return output;
}
