/** Changes of what an operator computes: the newer version is told to do what the older one did, or the node is refused. */
import { getInt, getString, makeAttribute, makeNode, type Node } from '../../graph/index.ts';
import { type Lifting, type OpsetChange, withoutAttributes } from './lifting.ts';

/**
 * Softmax, LogSoftmax, Hardmax 13 (softmax_12_13.h): before, all axes from `axis` on, 1 unless told, were one; from then on
 * it is `axis` alone.
 */
export const coercedToRows: OpsetChange = (node, lifting) => {
  const axis = getInt(node, 'axis', 1);
  const [input = ''] = node.inputs;
  const dims = lifting.dims(input);
  const first = axis < 0 ? (dims?.length ?? 0) + axis : axis;
  const isLast = dims === undefined ? axis === -1 : dims.slice(first + 1).every((dim) => dim === 1);
  if (isLast) return withAttribute(node, 'axis', axis);
  const [shape, rows, made] = ['Shape', 'Flatten', 'rows'].map((what) => lifting.nameBeside(node, what)) as [
    string,
    string,
    string,
  ];
  return [
    makeNode({ name: shape, opType: 'Shape', inputs: [input], outputs: [shape] }),
    makeNode({ name: rows, opType: 'Flatten', inputs: [input], outputs: [rows], attributes: { axis } }),
    { ...withAttribute(node, 'axis', -1), inputs: [rows], outputs: [made] },
    makeNode({
      name: lifting.nameBeside(node, 'Reshape'),
      opType: 'Reshape',
      inputs: [made, shape],
      outputs: node.outputs,
    }),
  ];
};

/**
 * Upsample, which version 10 calls Resize, and Resize 11: the coordinate x of a result was taken from x / scale. What the
 * nearest is was not said; ONNX Runtime rounds down where it enlarges, and up where it makes smaller
 * (core/providers/cpu/tensor/upsample.h, GetOriginalIndexSimple).
 */
export const resizeAsymmetric: OpsetChange = (node, lifting) => {
  const [input = '', scales = ''] = node.inputs;
  const mode = getString(node, 'mode', 'nearest');
  if (mode !== 'nearest' && mode !== 'linear') lifting.refuse(node, `it has no mode '${mode}' there`);
  const attributes = { mode, coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' };
  if (mode === 'nearest' && node.opType === 'Resize') attributes.nearest_mode = rounding(node, lifting, scales);
  return {
    ...node,
    opType: 'Resize',
    inputs: [input, '', scales],
    attributes: new Map(Object.entries(attributes).map(([name, value]) => [name, makeAttribute(name, value)])),
  };
};

function rounding(node: Node, lifting: Lifting, scales: string): 'floor' | 'ceil' {
  const known = lifting.numbers(scales);
  if (known === undefined) return lifting.refuse(node, 'its scales, which decide how it rounds, are not constant');
  if (known.every((scale) => scale >= 1)) return 'floor';
  if (known.every((scale) => scale <= 1)) return 'ceil';
  return lifting.refuse(node, 'it enlarges along one axis and makes smaller along another');
}

/** Resize 13: sizes come without scales, which were an empty list beside them before; and a mode went. */
export const resizeBySizesAlone: OpsetChange = (node, lifting) => {
  if (getString(node, 'coordinate_transformation_mode', 'half_pixel') === 'tf_half_pixel_for_nn') {
    lifting.refuse(node, "it has no coordinate_transformation_mode 'tf_half_pixel_for_nn' any more");
  }
  const [input = '', roi = '', , sizes = ''] = node.inputs;
  return sizes === '' ? node : { ...node, inputs: [input, roi, '', sizes] };
};

/** BatchNormalization 9. */
export const withoutSpatial: OpsetChange = (node, lifting) => {
  if (getInt(node, 'spatial', 1) === 0)
    lifting.refuse(node, 'it normalises each place of the map on its own (spatial = 0)');
  return withoutAttributes(node, 'spatial');
};

/** BatchNormalization 14: before, more outputs than one put it into training mode. */
export const inferenceOnly: OpsetChange = (node, lifting) => {
  if (node.outputs.slice(1).some((name) => name !== '')) lifting.refuse(node, 'it is in training mode');
  return node;
};

/** RoiAlign 16 (convert.h). */
export const withoutPixelShift: OpsetChange = (node) =>
  withAttribute(node, 'coordinate_transformation_mode', 'output_half_pixel');

/** Scatter 11 (scatter_10_11.h). */
export const scatterElements: OpsetChange = (node) => ({ ...node, opType: 'ScatterElements' });

/** Of operators that were something else. */
export const refuseWith =
  (why: string): OpsetChange =>
  (node, lifting) =>
    lifting.refuse(node, why);

function withAttribute(node: Node, name: string, value: number | string): Node {
  return { ...node, attributes: new Map([...node.attributes, [name, makeAttribute(name, value)]]) };
}
