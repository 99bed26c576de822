/**
 * Weights stored as float16 and cast to float32 where they are used: half the file. The engine casts once, on loading, and
 * computes as fast as before. Every value keeps its name, that of a weight stands for what was cast; so a model that was
 * made smaller like this can be made float32 again, for what trains or rewrites its weights.
 */
import { constantInitializers, GraphEditor, getInt, type Model, Tensor } from '../../graph/index.ts';
import { trainableInitializers } from '../../ops/index.ts';
import { DTYPES } from '../../tensor/index.ts';
import type { Pass } from '../pass.ts';

/** The largest float16. */
const LARGEST = 65504;

/** Below so many elements the node would take more than the elements save. */
const LEAST_SIZE = 128;

export const halfWeights: Pass = {
  name: 'half-weights',
  apply(model: Model) {
    const editor = new GraphEditor(model.graph);
    const inputs = new Set(model.graph.inputs.map(({ name }) => name));
    for (const name of trainableInitializers(model.graph)) {
      const weight = model.graph.initializers.get(name);
      if (weight?.dtype !== 'float32' || weight.size < LEAST_SIZE || inputs.has(name)) continue;
      const elements = weight.float32s();
      if (!elements.every((element) => Math.abs(element) <= LARGEST)) continue;
      editor.removeInitializer(name);
      const half = editor.addInitializer(`${name}_half`, Tensor.of('float16', weight.dims, elements));
      const attributes = { to: DTYPES.float32.onnx };
      editor.addNode({ opType: 'Cast', name: `${name}_Cast`, inputs: [half], outputs: [name], attributes });
    }
    return editor.changed ? { model: { ...model, graph: editor.build() }, changed: true } : { model, changed: false };
  },
};

/** Casts constants from float16 to float32 beforehand. */
export const widenWeights: Pass = {
  name: 'widen-weights',
  apply(model: Model) {
    const editor = new GraphEditor(model.graph);
    const constants = constantInitializers(model.graph, model.irVersion);
    const outputs = new Set(model.graph.outputs.map(({ name }) => name));
    for (const node of model.graph.nodes) {
      const [weight, output = ''] = [constants.get(node.inputs[0] ?? ''), node.outputs[0]];
      if (node.opType !== 'Cast' || node.domain !== '' || weight?.dtype !== 'float16' || outputs.has(output)) continue;
      if (getInt(node, 'to', 0) !== DTYPES.float32.onnx) continue;
      editor.removeNode(node);
      editor.setInitializer(output, Tensor.of('float32', weight.dims, weight.elements() ?? []));
    }
    if (!editor.changed) return { model, changed: false };
    editor.removeUnused();
    return { model: { ...model, graph: editor.build() }, changed: true };
  },
};
