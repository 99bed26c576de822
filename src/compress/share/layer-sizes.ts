/** What each layer of a shared model takes, and all of them together, as the tables of Han et al. 2016 have it. */
import type { Model } from '../../graph/index.ts';
import { type EncodedSkz, encodeSkz, type SkzTensor } from '../../onnx/index.ts';
import { type LayerSize, type StepBits, stepBits, weightTensors } from '../../transforms/index.ts';

export interface LayerReport extends LayerSize, StepBits {
  readonly name: string;
}

export interface SizeReport {
  readonly layers: readonly LayerReport[];
  /** Sums over the layers; bits of a code and of a position are means over the entries. */
  readonly total: LayerReport;
  /** What else the file has: the graph, biases, norms. */
  readonly otherBytes: number;
  readonly fileBytes: number;
}

/** @param indexBits of a position of each initializer, as the file is to be written with */
export function sizeReport(model: Model, indexBits: (name: string) => number): SizeReport {
  const encoded = encodeSkz(model, { indexBits });
  const layers = weightTensors(model).map(({ name, size }) => layerReport(name, size, encoded, indexBits(name)));
  const total = totalOf(layers);
  const fileBytes = encoded.bytes.length;
  return { layers, total, otherBytes: fileBytes - total.bytes, fileBytes };
}

function layerReport(name: string, weights: number, { tensors }: EncodedSkz, bits: number): LayerReport {
  const coded = tensors.find((tensor) => tensor.name === name);
  const size = coded === undefined ? asItIs(weights) : sizeOf(coded, bits);
  return { name, ...size, ...stepBits(size) };
}

function sizeOf(tensor: SkzTensor, bits: number): LayerSize {
  const { elements, nonZeros, entries, codebookSize, indexBits, codeBits, gapBits, bytes } = tensor;
  return {
    weights: elements,
    kept: nonZeros,
    entries,
    codebook: codebookSize,
    // Zero is a value, too, of fillers where of nothing else.
    codeBits: Math.ceil(Math.log2(codebookSize + 1)),
    indexBits,
    // Where the file stores every weight, so few are zero that no position needs a filler.
    sparseBits: (indexBits === 0 ? nonZeros : entries) * (32 + bits),
    huffmanCodeBits: codeBits,
    huffmanIndexBits: gapBits,
    bytes,
  };
}

function asItIs(weights: number): LayerSize {
  const bits = {
    codeBits: 32,
    indexBits: 0,
    sparseBits: 32 * weights,
    huffmanCodeBits: 32 * weights,
    huffmanIndexBits: 0,
  };
  return { weights, kept: weights, entries: weights, codebook: 0, bytes: 4 * weights, ...bits };
}

function totalOf(layers: readonly LayerReport[]): LayerReport {
  const sum = (of: (layer: LayerReport) => number): number => layers.reduce((total, layer) => total + of(layer), 0);
  const entries = sum((layer) => layer.entries);
  const perEntry = (of: (layer: LayerReport) => number): number =>
    entries === 0 ? 0 : sum((layer) => layer.entries * of(layer)) / entries;
  return {
    name: 'total',
    entries,
    weights: sum(({ weights }) => weights),
    kept: sum(({ kept }) => kept),
    codebook: sum(({ codebook }) => codebook),
    codeBits: perEntry(({ codeBits }) => codeBits),
    indexBits: perEntry(({ indexBits }) => indexBits),
    sparseBits: sum(({ sparseBits }) => sparseBits),
    huffmanCodeBits: sum(({ huffmanCodeBits }) => huffmanCodeBits),
    huffmanIndexBits: sum(({ huffmanIndexBits }) => huffmanIndexBits),
    bytes: sum(({ bytes }) => bytes),
    original: sum(({ original }) => original),
    pruned: sum(({ pruned }) => pruned),
    shared: sum(({ shared }) => shared),
    huffman: sum(({ huffman }) => huffman),
  };
}
