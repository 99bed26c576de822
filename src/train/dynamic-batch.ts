/** A model that was exported for one batch size, made to take any, where nothing but what it declares stands against it. */
import { SkeinError } from '../base/index.ts';
import { feedsOf, fixedBatch, type Model, type ValueInfo } from '../graph/index.ts';
import { infer } from '../ops/index.ts';

const BATCH = 'batch';

/**
 * @param purpose stands in the message
 * @throws SkeinError 'unsupported' naming the batch size that is part of the model's own computation
 */
export function withDynamicBatch(model: Model, purpose = 'Cannot train the model'): Model {
  const { graph } = model;
  const size = fixedBatch(model);
  if (size === undefined) return model;
  const open = ({ type, ...info }: ValueInfo): ValueInfo => ({
    ...info,
    type: type?.dims === undefined ? type : { ...type, dims: type.dims.with(0, BATCH) },
  });
  const feeds = new Set(feedsOf(graph).map(({ name }) => name));
  const inputs = graph.inputs.map((input) => (feeds.has(input.name) && isFixed(input) ? open(input) : input));
  const outputs = graph.outputs.map((output) => (isFixed(output) ? open(output) : output));
  const opened = { ...model, graph: { ...graph, inputs, outputs, valueInfos: new Map() } };
  if (batchPasses(opened)) return opened;
  throw new SkeinError(
    'unsupported',
    `${purpose}: it takes batches of ${size} only; export it with a dynamic batch (torch.onnx.export with dynamic_axes={'${inputs[0]?.name}': {0: 'batch'}})`,
  );
}

function isFixed({ type }: ValueInfo): boolean {
  return typeof type?.dims?.[0] === 'number';
}

/** Whether the batch arrives at the first output. */
function batchPasses(model: Model): boolean {
  try {
    const { types } = infer(model, { declared: false });
    return types.get(model.graph.outputs[0]?.name ?? '')?.dims?.[0] === BATCH;
  } catch {
    return false;
  }
}
