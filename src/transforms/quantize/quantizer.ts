/**
 * Writes a model with the int8 layers of a plan, as QuantizeLinear and DequantizeLinear around float operators (QDQ):
 * ONNX Runtime makes QLinearConv, QGemm, QLinearAdd … of each operator whose every input is dequantised and whose output
 * is quantised; what only moves elements stands on the integers themselves. Every value keeps its name: that of a rounded
 * one stands for the numbers after rounding.
 */
import { SkeinError } from '../../base/index.ts';
import { GraphEditor, int, type Model, type Node, Tensor } from '../../graph/index.ts';
import {
  type ActivationScale,
  activationScale,
  leastWeightScales,
  quantizeBias,
  quantizeWeight,
  type Range,
} from './affine.ts';
import { activationsOf, type Int8Layer, isConstantPad, isMisfused, moves, type WeightedLayer } from './int8-rules.ts';
import { layerName, type QuantizationPlan } from './plan-quantization.ts';

/** Of values, by name; see `rangeValues`. */
export type Ranges = ReadonlyMap<string, Range>;

export interface Bits {
  readonly weightBits: number;
  readonly activationBits: number;
}

/** A value as integers. */
export interface Quantized {
  readonly integers: string;
  readonly scale: ActivationScale;
  readonly scaleName: string;
  readonly zeroPointName: string;
}

export class Quantizer {
  protected readonly model: Model;
  readonly #plan: QuantizationPlan;
  readonly #ranges: Ranges;
  protected readonly bits: Bits;
  protected readonly editor: GraphEditor;
  protected readonly quantized = new Map<string, Quantized>();
  /** The float value that int8 layers read for a rounded one. */
  protected readonly rounded = new Map<string, string>();

  /** @param plan of this model */
  constructor(model: Model, plan: QuantizationPlan, ranges: Ranges, bits: Bits) {
    this.model = model;
    this.#plan = plan;
    this.#ranges = ranges;
    this.bits = bits;
    this.editor = new GraphEditor(model.graph);
  }

  write(): Model {
    for (const node of this.model.graph.nodes) {
      const layer = this.#plan.layers.get(node);
      if (layer !== undefined) this.#writeLayer(node, layer);
      else if (this.#plan.moving.has(node)) this.move(node);
      else if (this.#plan.absorbed.has(node)) this.absorb(node);
      else if (isMisfused(node) && this.rounded.has(node.inputs[0] ?? '')) this.#keepFloat(node);
      else if (node.domain === '' && (node.opType === 'Shape' || node.opType === 'Size')) this.#readShape(node);
    }
    this.editor.removeUnused();
    return { ...this.model, graph: this.editor.build() };
  }

  #writeLayer(node: Node, layer: Int8Layer): void {
    const activations = activationsOf(node, layer).map((name) => this.roundedInput(name));
    const [output = ''] = node.outputs;
    const inputs =
      layer.kind === 'weighted' ? [...activations, ...this.parameters(node, layer, node.inputs[0] ?? '')] : activations;
    const attributes = this.attributes(node);
    if (!this.#plan.ranges.has(output)) {
      this.editor.replaceNode(node, { ...node, inputs, attributes });
      return;
    }
    const exact = this.editor.freshName(`${output}_unrounded`);
    this.editor.replaceNode(node, { ...node, inputs, attributes, outputs: [exact] });
    const quantized = this.#quantize(output, exact);
    this.dequantize(quantized, output);
    this.rounded.set(output, output);
  }

  /** Of a layer: what Gemm multiplies by is in its weight and bias. */
  protected attributes(node: Node): Node['attributes'] {
    if (node.opType !== 'Gemm') return node.attributes;
    return new Map([...node.attributes].filter(([name]) => name !== 'alpha' && name !== 'beta'));
  }

  /** What an int8 layer reads for a value: its integers, dequantised. */
  protected roundedInput(value: string): string {
    const there = this.rounded.get(value);
    if (there !== undefined) return there;
    // A float value, which others go on reading as it is.
    const quantized = this.quantized.get(value) ?? this.#quantize(value, value);
    const rounded = this.dequantize(quantized, this.editor.freshName(`${value}_rounded`));
    this.rounded.set(value, rounded);
    return rounded;
  }

  /** @param from the value itself, or what is to become it */
  #quantize(value: string, from: string): Quantized {
    const editor = this.editor;
    const scale = activationScale(this.#rangeOf(value), this.bits.activationBits);
    const { scale: factor, zeroPoint, top } = scale;
    const scaleName = editor.addInitializer(`${value}_scale`, Tensor.scalar('float32', factor));
    const zeroPointName = editor.addInitializer(`${value}_zero_point`, Tensor.scalar('uint8', zeroPoint));
    let input = from;
    if (top < 255) {
      // Saturates by itself at 0 only.
      const bound = editor.addInitializer(`${value}_top`, Tensor.scalar('float32', (top - zeroPoint) * factor));
      const clipped = editor.freshName(`${value}_clipped`);
      editor.addNode({ opType: 'Clip', name: clipped, inputs: [from, '', bound], outputs: [clipped] });
      input = clipped;
    }
    const integers = editor.freshName(`${value}_quantized`);
    const inputs = [input, scaleName, zeroPointName];
    editor.addNode({ opType: 'QuantizeLinear', name: `${value}_QuantizeLinear`, inputs, outputs: [integers] });
    const quantized = { integers, scale, scaleName, zeroPointName };
    this.quantized.set(value, quantized);
    return quantized;
  }

  protected dequantize({ integers, scaleName, zeroPointName }: Quantized, output: string): string {
    const inputs = [integers, scaleName, zeroPointName];
    const name = `${output}_DequantizeLinear`;
    this.editor.addNode({ opType: 'DequantizeLinear', name, inputs, outputs: [output] });
    return output;
  }

  #rangeOf(value: string): Range {
    const { value: source, bounds } = this.#plan.ranges.get(value) ?? { value, bounds: [-Infinity, Infinity] as const };
    const range = this.#observed(source);
    if (range === undefined) {
      throw new SkeinError('invalid-argument', `The range of '${source}' must be known to quantise it, received none`);
    }
    if (!(range[0] <= range[1])) {
      const received = `received ${range[0]} to ${range[1]}`;
      throw new SkeinError('invalid-argument', `The range of '${source}' must be two numbers in order, ${received}`);
    }
    // Widened to hold 0 first: the bounds hold it, too, so the order stays.
    return [Math.max(Math.min(range[0], 0), bounds[0]), Math.min(Math.max(range[1], 0), bounds[1])];
  }

  /** What is moved lies in the range of what it is made of. */
  #observed(value: string): Range | undefined {
    for (let at = value; ; ) {
      const range = this.#ranges.get(at);
      const producer = range === undefined ? this.#plan.around.producerOf(at) : undefined;
      if (producer === undefined || !moves(producer, this.#plan.around)) return range;
      at = producer.inputs[0] ?? '';
    }
  }

  /** The dequantised weight, and bias if there is one. */
  protected parameters(node: Node, layer: WeightedLayer, input: string): string[] {
    const { weight, channels, factor, bias } = layer;
    const name = node.inputs[1] ?? '';
    const inputScale = this.quantized.get(input)?.scale.scale ?? 1;
    const scaled =
      factor === 1
        ? weight
        : Tensor.float32(
            weight.dims,
            weight.float32s().map((w) => w * factor),
          );
    const least = bias === undefined ? undefined : leastWeightScales(bias, inputScale);
    const { values, scales } = this.#named(node, () => quantizeWeight(scaled, channels, this.bits.weightBits, least));
    const weightInput = this.#dequantizedParameter(name, values, scales, channels);
    if (bias === undefined) return [weightInput];
    const quantizedBias = this.#named(node, () => quantizeBias(bias, inputScale, scales));
    const biasName = node.inputs[2] ?? '';
    return [weightInput, this.#dequantizedParameter(biasName, quantizedBias.values, quantizedBias.scales, 0)];
  }

  #named<T>(node: Node, make: () => T): T {
    try {
      return make();
    } catch (error) {
      if (!(error instanceof SkeinError)) throw error;
      throw new SkeinError(error.code, `Cannot quantise layer '${layerName(node)}': ${error.message}`, {
        cause: error,
      });
    }
  }

  #dequantizedParameter(name: string, values: Tensor, scales: Float32Array, axis: number): string {
    const editor = this.editor;
    const zeros = Tensor.of(values.dtype, [scales.length], new Uint8Array(scales.length));
    const inputs = [
      editor.addInitializer(`${name}_quantized`, values),
      editor.addInitializer(`${name}_scale`, Tensor.float32([scales.length], scales)),
      editor.addInitializer(`${name}_zero_point`, zeros),
    ];
    const output = editor.freshName(`${name}_dequantized`);
    const attributes = { axis: int(axis) };
    editor.addNode({ opType: 'DequantizeLinear', name: output, inputs, outputs: [output], attributes });
    return output;
  }

  /** The node on the integers of its input. */
  protected move(node: Node): void {
    const [input = ''] = node.inputs;
    const source = this.quantized.get(input) as Quantized;
    const inputs = [source.integers, ...node.inputs.slice(1)];
    // What is padded with is 0.
    if (node.opType === 'Pad' && isConstantPad(node)) inputs[2] = source.zeroPointName;
    const outputs = node.outputs.map((output) => (output === '' ? '' : this.editor.freshName(`${output}_quantized`)));
    this.editor.replaceNode(node, { ...node, inputs, outputs });
    for (const [i, output] of node.outputs.entries()) {
      if (output === '') continue;
      const moved = { ...source, integers: outputs[i] as string };
      this.quantized.set(output, moved);
      this.dequantize(moved, output);
      this.rounded.set(output, output);
    }
  }

  /** The rounding before has cut already. */
  protected absorb(node: Node): void {
    const [input = ''] = node.inputs;
    const [output = ''] = node.outputs;
    const quantized = this.quantized.get(input) as Quantized;
    this.editor.removeNode(node);
    this.quantized.set(output, quantized);
    this.dequantize(quantized, output);
    this.rounded.set(output, output);
  }

  /** The sum of one value, which no rewrite of the engine's takes away, keeps it from seeing a rounding behind the node. */
  #keepFloat(node: Node): void {
    const exact = node.outputs.map((output) => this.editor.freshName(`${output}_float`));
    this.editor.replaceNode(node, { ...node, outputs: exact });
    this.editor.addNode({ opType: 'Sum', name: exact[0] ?? '', inputs: exact, outputs: node.outputs });
  }

  /** The shape of a value is that of its integers, which then need not become floats for it. */
  #readShape(node: Node): void {
    const quantized = this.quantized.get(node.inputs[0] ?? '');
    if (quantized !== undefined) this.editor.replaceNode(node, { ...node, inputs: [quantized.integers] });
  }
}
