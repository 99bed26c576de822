/** Changes that made inputs of attributes; what the newer version takes for absent, where it differs, is written out. */
import { getFloat, getFloats, getInt, getInts, getString, type Node, Tensor } from '../../graph/index.ts';
import { type Lifting, type OpsetChange, withoutAttributes } from './lifting.ts';

/** The one-dimensional list, where it is there, as the second input. */
function listToInput(attribute: string): OpsetChange {
  return (node, lifting) => {
    const values = getInts(node, attribute);
    if (values === undefined) return node;
    return withInputs(node, lifting, [lifting.constant(node, attribute, Tensor.int64s(values))], attribute);
  };
}

/** The node with these inputs behind its only one, without the attributes. */
function withInputs(node: Node, lifting: Lifting, inputs: readonly string[], ...attributes: readonly string[]): Node {
  if (node.inputs.length > 1) lifting.refuse(node, 'it has inputs that the older one does not know');
  return { ...withoutAttributes(node, ...attributes), inputs: [...node.inputs.slice(0, 1), ...inputs] };
}

/** ReduceSum, Squeeze, Unsqueeze 13 (axes_attribute_to_input.h). An empty list means every axis before and after. */
export const axesToInput = listToInput('axes');

/** Split 13 (split_12_13.h). Without sizes the parts are equal before and after. */
export const splitToInput = listToInput('split');

/** Slice 10: without axes those of the starts, where version 10 speaks of all axes. */
export const sliceToInputs: OpsetChange = (node, lifting) => {
  const starts = getInts(node, 'starts') ?? [];
  const lists = { starts, ends: getInts(node, 'ends') ?? [], axes: getInts(node, 'axes') ?? starts.map((_, i) => i) };
  const inputs = Object.entries(lists).map(([name, list]) => lifting.constant(node, name, Tensor.int64s(list)));
  return withInputs(node, lifting, inputs, 'starts', 'ends', 'axes');
};

/** TopK 10 (topk_9_10.h). Version 11 sorts the largest unless told. */
export const topKToInput: OpsetChange = (node, lifting) =>
  withInputs(node, lifting, [lifting.constant(node, 'k', Tensor.int64s([getInt(node, 'k', 0)]))], 'k');

/** Upsample 9 (upsample_8_9.h). */
export const scalesToInput: OpsetChange = (node, lifting) => {
  const scales = getFloats(node, 'scales') ?? [];
  return withInputs(
    node,
    lifting,
    [lifting.constant(node, 'scales', Tensor.of('float32', [scales.length], scales))],
    'scales',
  );
};

/** Clip 11. An absent bound is the lowest or highest number of the type, before and after. */
export const clipBoundsToInputs: OpsetChange = (node, lifting) => {
  const bounds = ['min', 'max'].map((name) => {
    const bound = getFloat(node, name);
    return bound === undefined ? '' : scalarLike(node, lifting, name, bound);
  });
  while (bounds.at(-1) === '') bounds.pop();
  return withInputs(node, lifting, bounds, 'min', 'max');
};

/** Pad 11 (pad_10_11.h). */
export const padToInputs: OpsetChange = (node, lifting) => {
  const inputs = [lifting.constant(node, 'pads', Tensor.int64s(getInts(node, 'pads') ?? []))];
  const value = getFloat(node, 'value', 0);
  const isFilled = getString(node, 'mode', 'constant') === 'constant' && !Object.is(value, 0);
  if (isFilled) inputs.push(scalarLike(node, lifting, 'value', value));
  return withInputs(node, lifting, inputs, 'pads', 'value');
};

/**
 * Dropout 12 (dropout_11_12.h). What older versions write into the mask is not said; version 12 writes ones where nothing is
 * dropped.
 */
export const dropoutRatioToInput: OpsetChange = (node, lifting) => {
  const [output = '', mask = ''] = node.outputs;
  if (lifting.isUsed(mask)) lifting.refuse(node, 'its mask is used, which older versions leave open');
  const ratio = getFloat(node, 'ratio');
  const inputs = ratio === undefined ? [] : [lifting.constant(node, 'ratio', Tensor.scalar('float32', ratio))];
  return { ...withInputs(node, lifting, inputs, 'ratio'), outputs: [output] };
};

/** A float attribute as a constant of the type of the node's first input. */
function scalarLike(node: Node, lifting: Lifting, name: string, value: number): string {
  const dtype = lifting.dtype(node.inputs[0] ?? '');
  if (dtype === undefined) return lifting.refuse(node, `its attribute '${name}' becomes an input of an unknown type`);
  return lifting.constant(node, name, Tensor.scalar(dtype, value));
}
