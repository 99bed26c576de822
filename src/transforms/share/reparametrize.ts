/**
 * A model whose weights are computed from something else, so that training changes that and the gradients follow by the
 * chain rule: W = P ⊙ M, of which pruned weights get none (Han et al. 2015), and W = codebook[codes], of which each centroid
 * gets the sum over its weights, ∂L/∂C_k = Σ ∂L/∂W_ij · 1(I_ij = k) (Han et al. 2016, equation 3).
 */
import { GraphEditor, type Model, Tensor } from '../../graph/index.ts';
import { liftOpset } from '../../ops/index.ts';
import { type SharedWeights, sharedValues, withWeights } from './shared-weights.ts';

export interface Reparametrized {
  /** To be trained; everything else of it is as it was. */
  readonly model: Model;
  /** The model as it was before, with what was learnt. @param trained `model` with other values in its initializers */
  restore(trained: Model): Model;
}

/** @param masks 1 where a weight stays, by initializer */
export function withMasks(model: Model, masks: ReadonlyMap<string, Uint8Array<ArrayBuffer>>): Reparametrized {
  const editor = new GraphEditor(model.graph);
  for (const [name, mask] of masks) {
    const dims = model.graph.initializers.get(name)?.dims ?? [];
    // A byte an element; the engine makes floats of it once, when it loads the model.
    const bits = editor.addInitializer(`${name}/mask`, new Tensor('bool', dims, mask));
    const masked = editor.freshName(`${name}/masked`);
    editor.replaceUses(new Map([[name, masked]]));
    const floats = editor.addNode({ name: `${name}/Cast`, opType: 'Cast', inputs: [bits], attributes: { to: FLOAT } });
    const inputs = [name, floats.outputs[0] as string];
    editor.addNode({ name: `${name}/Mul`, opType: 'Mul', inputs, outputs: [masked] });
  }
  return {
    model: { ...model, graph: editor.build() },
    restore: (trained) => {
      const learnt = carried(model, trained);
      const weights = [...masks].map(([name, mask]): [string, Float32Array] => [
        name,
        maskedValues(learnt, name, mask),
      ]);
      return withWeights(learnt, new Map(weights));
    },
  };
}

/** ONNX's number for float32. */
const FLOAT = 1;

function maskedValues({ graph }: Model, name: string, mask: Uint8Array): Float32Array {
  const weights = graph.initializers.get(name)?.float32s() ?? new Float32Array();
  return weights.map((weight, i) => (mask[i] === 1 ? weight : 0));
}

/** @param shared by initializer; a layer without a codebook, of nothing but zeros, stays as it is */
export function withCodebooks(model: Model, shared: ReadonlyMap<string, SharedWeights>): Reparametrized {
  // Gradients of Gather add up by ScatterElements, which does so from operator set 16 on.
  const lifted = liftOpset(model, 16);
  const editor = new GraphEditor(lifted.graph);
  const books = new Map<string, string>();
  for (const [name, { codebook, codes }] of shared) {
    if (codebook.length === 0) continue;
    const dims = model.graph.initializers.get(name)?.dims ?? [];
    const book = editor.addInitializer(`${name}/codebook`, Tensor.float32([codebook.length], codebook.slice()));
    const places = new Tensor('int32', dims, new Uint8Array(new Int32Array(codes).buffer));
    const indices = editor.addInitializer(`${name}/codes`, places);
    const front = editor.addInitializer(`${name}/front`, Tensor.int64s([1, 0]));
    // The zero of code 0 is no parameter: it comes before the codebook.
    const values = editor.addNode({ name: `${name}/Pad`, opType: 'Pad', inputs: [book, front] }).outputs[0] as string;
    editor.removeInitializer(name);
    // Before IR version 4 initializers are inputs, too.
    editor.setInputs(editor.inputs.filter((input) => input.name !== name));
    editor.addNode({ name: `${name}/Gather`, opType: 'Gather', inputs: [values, indices], outputs: [name] });
    books.set(name, book);
  }
  const restore = (trained: Model): Model => {
    const weights = [...books].map(([name, book]): [string, Float32Array] => {
      const codebook = trained.graph.initializers.get(book)?.float32s() ?? new Float32Array();
      return [name, sharedValues({ codebook, codes: (shared.get(name) as SharedWeights).codes })];
    });
    return withWeights(carried(model, trained), new Map(weights));
  };
  return { model: { ...lifted, graph: editor.build() }, restore };
}

/** The model with the values of those of its initializers that the trained one still has. */
function carried(model: Model, trained: Model): Model {
  const initializers = new Map(
    [...model.graph.initializers].map(([name, tensor]) => [name, trained.graph.initializers.get(name) ?? tensor]),
  );
  return { ...model, graph: { ...model.graph, initializers } };
}
