/**
 * Weights stored as float16 and cast to float32 where they are used: half the file. The engine casts once, on loading, and
 * computes as fast as before. Every value keeps its name, that of a weight stands for what was cast.
 */
import { GraphEditor, type Model, Tensor } from '../../graph/index.ts';
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
