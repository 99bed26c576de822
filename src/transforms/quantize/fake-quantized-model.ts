/**
 * A model to be trained for int8 (quantisation-aware training, Jacob et al. 2018): it computes in float what the quantised
 * one computes in integers. Activations are rounded within fixed ranges; weights by scales that follow them, so that no
 * weight is ever cut off. All weights are there as float initializers under their own names; gradients pass the rounding
 * straight through.
 */
import { type AttributeLike, int, type Model, type Node, standardOpset, Tensor } from '../../graph/index.ts';
import type { WeightedLayer } from './int8-rules.ts';
import { planQuantization, prepareForQuantization } from './plan-quantization.ts';
import { bitsOf, type QuantizeOptions } from './quantize-model.ts';
import { Quantizer, type Ranges } from './quantizer.ts';

/** @throws SkeinError as `quantizeModel` does */
export function fakeQuantizedModel(model: Model, ranges: Ranges, options: QuantizeOptions = {}): Model {
  const bits = bitsOf(options);
  const prepared = prepareForQuantization(model);
  return new FakeQuantizer(prepared, planQuantization(prepared, options), ranges, bits).write();
}

/** The prepared model with the weights that its fake-quantised one was trained to. */
export function withWeightsOf(model: Model, trained: Model): Model {
  const prepared = prepareForQuantization(model);
  const initializers = new Map(prepared.graph.initializers);
  for (const [name, tensor] of initializers) {
    const now = trained.graph.initializers.get(name);
    if (tensor.dtype === 'float32' && now !== undefined) initializers.set(name, now);
  }
  return { ...prepared, graph: { ...prepared.graph, initializers } };
}

/** Writes a node of one output and gives its name. */
type Write = (opType: string, inputs: string[], attributes?: Readonly<Record<string, AttributeLike>>) => string;

/** Keeps a channel of zeros from dividing by 0. */
const LEAST_SCALE = 2 ** -100;

class FakeQuantizer extends Quantizer {
  /** The greatest |w| of a channel lies at the greatest integer. */
  protected override parameters(node: Node, { weight, channels }: WeightedLayer): string[] {
    const { editor } = this;
    const [, name = '', ...bias] = node.inputs;
    const write: Write = (opType, inputs, attributes = {}) => {
      const made = editor.freshName(`${name}_${opType}`);
      editor.addNode({ opType, name: made, inputs, outputs: [made], attributes });
      return made;
    };
    const scalar = (what: string, value: number): string =>
      editor.addInitializer(`${name}_${what}`, Tensor.scalar('float32', value));
    const sizes = (what: string, values: number[]): string =>
      editor.addInitializer(`${name}_${what}`, Tensor.int64s(values));
    const limit = 2 ** (this.bits.weightBits - 1) - 1;
    const count = weight.dims[channels] ?? 1;
    // Each channel a row of its weights.
    const inFront = [channels, ...weight.dims.keys()].filter((axis, i) => i === 0 || axis !== channels);
    const rows = write('Reshape', [write('Transpose', [name], { perm: inFront }), sizes('rows', [count, -1])]);
    const greatest = this.#maxOfRows(write, write('Abs', [rows]), () => sizes('axes', [1]));
    const scale = write('Max', [write('Div', [greatest, scalar('limit', limit)]), scalar('least', LEAST_SCALE)]);
    const zeros = editor.addInitializer(`${name}_zero_point`, Tensor.of('int8', [count], new Uint8Array(count)));
    const attributes = { axis: int(channels) };
    const integers = write('QuantizeLinear', [name, scale, zeros], attributes);
    return [write('DequantizeLinear', [integers, scale, zeros], attributes), ...bias];
  }

  /** [rows, n] → [rows]; the axes became an input with operator set 18. */
  #maxOfRows(write: Write, rows: string, axes: () => string): string {
    const byInput = standardOpset(this.model) >= 18;
    return write('ReduceMax', byInput ? [rows, axes()] : [rows], { keepdims: 0, ...(byInput ? {} : { axes: [1] }) });
  }

  /** Factors stay where they are, beside the weights that are trained. */
  protected override attributes(node: Node): Node['attributes'] {
    return node.attributes;
  }

  /** What moves elements moves the rounded numbers: gradients pass it as they do in the float model. */
  protected override move(node: Node): void {
    const [input = '', ...others] = node.inputs;
    const source = this.quantized.get(input);
    this.editor.replaceNode(node, { ...node, inputs: [this.roundedInput(input), ...others] });
    for (const output of node.outputs) {
      if (source !== undefined) this.quantized.set(output, source);
      this.rounded.set(output, output);
    }
  }

  protected override absorb(node: Node): void {
    const [input = ''] = node.inputs;
    const [output = ''] = node.outputs;
    const source = this.quantized.get(input);
    const inputs = [this.roundedInput(input)];
    this.editor.replaceNode(node, { ...node, opType: 'Identity', inputs, attributes: new Map() });
    if (source !== undefined) this.quantized.set(output, source);
    this.rounded.set(output, output);
  }
}
