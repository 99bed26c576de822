/** What works on each element by itself: once over all, on constants that lie where the channels lie. */
import { Tensor } from '../../../graph/index.ts';
import type { GroupRule, GroupStep } from '../group-step.ts';
import { type Layout, spread } from '../layout.ts';
import { type MergedValue, sameContent } from '../merge-writer.ts';

/** The first input is changed, all others are settings. */
export const once: GroupRule = (step) => {
  step.requireSameAttributes();
  const { name, layout } = step.value(0);
  const settings = step.node.inputs.slice(1).map((_, i) => step.sameConstant(i + 1));
  return { name: step.once([name, ...settings]), layout };
};

/** Two inputs; what lies between channels stays finite with a constant of 0. */
export const binary: GroupRule = (step) => {
  step.requireSameAttributes();
  if (step.node.inputs.length !== 2) return step.unlike(`it has ${step.node.inputs.length} inputs`);
  const layout = [0, 1].map((i) => (step.isComputed(i) ? step.value(i).layout : undefined)).find((each) => each);
  if (layout === undefined) return step.unlike('it changes what all have alike, by other constants in each');
  requireSameChannels(step);
  const inputs = [0, 1].map((i) =>
    step.isComputed(i) ? step.relaid(step.value(i), layout) : channelwise(step, i, layout, 0),
  );
  return { name: step.once(inputs), layout };
};

/** By a constant only: what lies between channels is 0, and would be divided by. */
export const division: GroupRule = (step) => {
  step.requireSameAttributes();
  if (!step.isComputed(0) || step.isComputed(1)) return step.unlike('it divides by a computed value');
  const { name, layout } = step.value(0);
  if (layout === undefined) return step.unlike('it changes what all have alike, by other constants in each');
  return { name: step.once([name, channelwise(step, 1, layout, 1)]), layout };
};

/** Scale, bias, mean and variance of each channel. */
export const batchNormalization: GroupRule = (step): MergedValue => {
  step.requireSameAttributes();
  const { name, layout } = step.value(0);
  if (layout === undefined) return step.unlike('it normalises what all have alike, in another way in each');
  // Where there is no channel the variance is 1, so that nothing is divided by 0.
  const parameters = [1, 2, 3, 4].map((i) =>
    step.writer.constant(`${step.base}.parameter`, spread(step.weights(i), 0, layout, i === 4 ? 1 : 0)),
  );
  return { name: step.once([name, ...parameters]), layout };
};

function requireSameChannels(step: GroupStep): void {
  if (![0, 1].every((i) => step.isComputed(i))) return;
  const [first, second] = [step.channels(0), step.channels(1)];
  const ranks = new Set([0, 1].flatMap((i) => step.dims(i).map(({ length }) => length)));
  if (ranks.size !== 1 || first.some((count, part) => count !== second[part])) {
    step.unlike('its inputs have other channels');
  }
}

/** The constants of all parts as one, a number where each channel lies; as it is where it is one number for all. */
function channelwise(step: GroupStep, i: number, layout: Layout, fill: number): string {
  const rank = step.dims(1 - i)[0]?.length ?? 0;
  const tensors = step.weights(i).map((tensor) => withRank(step, tensor, rank));
  const first = tensors[0] as Tensor;
  if (first.dims[1] === 1 && tensors.every((each) => sameContent(first, each))) {
    return step.writer.constant(step.node.inputs[i] ?? '', first);
  }
  const wide = tensors.map((tensor, part) => forEachChannel(step, tensor, layout.positions[part]?.length ?? 0));
  const places = (tensor: Tensor | undefined): string => `${tensor?.dims.slice(2)}`;
  if (wide.some((each) => places(each) !== places(wide[0]))) return step.unlike('its constants are of other shapes');
  return step.writer.constant(`${step.base}.constant`, spread(wide, 1, layout, fill));
}

function withRank(step: GroupStep, tensor: Tensor, rank: number): Tensor {
  if (tensor.dims.length > rank) return step.unlike('its constant has more axes than what it changes');
  const dims = [...new Array<number>(rank - tensor.dims.length).fill(1), ...tensor.dims];
  return dims[0] === 1 ? tensor.reshaped(dims) : step.unlike('its constant is another for each image');
}

/** With a number for each channel, where it has one for all. */
function forEachChannel(step: GroupStep, tensor: Tensor, channels: number): Tensor {
  if (tensor.dims[1] === channels) return tensor;
  if (tensor.dims[1] !== 1) return step.unlike('its constant has other channels');
  const source = tensor.float32s();
  const made = new Float32Array(channels * source.length);
  for (let c = 0; c < channels; c++) made.set(source, c * source.length);
  return Tensor.float32(tensor.dims.with(1, channels), made);
}
