/** What `skein share` prints: the tables of Han et al. 2016, by layer and by step. */
import type { SizeReport } from '../compress/index.ts';
import { bytes, count, formatTable, percent } from './table.ts';

export interface MeasuredStep {
  readonly name: string;
  /** Fractions of 1. */
  readonly sparsity: number;
  readonly top1: number;
}

const right = 'right' as const;

/** Table 4 and 5: for each layer what is kept, and bits before and after Huffman coding. */
export function describeLayers({ layers, total }: SizeReport): string[] {
  const columns = ['weights', 'kept', 'code', 'coded', 'position', 'coded', 'pruned', 'shared', 'huffman', 'rate'];
  const bits = (number: number, by: number): string => (by === 0 ? '-' : (number / by).toFixed(2));
  const rows = [...layers, total].map((layer) => [
    layer.name,
    count(layer.weights),
    percent(layer.kept / layer.weights, 1),
    bits(layer.codeBits, 1),
    bits(layer.huffmanCodeBits, layer.entries),
    bits(layer.indexBits, 1),
    bits(layer.huffmanIndexBits, layer.entries),
    bits(layer.pruned, layer.weights),
    bits(layer.shared, layer.weights),
    bits(layer.huffman, layer.weights),
    `${(layer.original / layer.huffman).toFixed(1)}x`,
  ]);
  return [
    formatTable([{ title: 'layer' }, ...columns.map((title) => ({ title, align: right }))], rows),
    'code and position: bits of an entry before and after Huffman coding; pruned, shared, huffman: bits a weight after each step',
  ];
}

/** Table 1 and figure 5: what the model takes after each step. */
export function describeSteps(
  { total, otherBytes, fileBytes }: SizeReport,
  measured: readonly MeasuredStep[],
  images: number,
): string[] {
  const top1 = (name: string): string => {
    const last = measured.findLast((step) => step.name === name);
    return last === undefined ? '-' : percent(last.top1, 2);
  };
  const has = (name: string): boolean => measured.some((step) => step.name === name);
  const trained = has('codebooks trained') ? 'codebooks trained' : 'shared';
  const steps = [
    ['original', total.original, top1('original')],
    ['pruned', total.pruned, top1(has('retrained') ? 'retrained' : 'pruned')],
    ['shared', total.shared, top1(trained)],
    ['huffman', total.huffman, top1(trained)],
  ] as const;
  const rows = steps.map(([name, bits, accuracy]) => [
    name,
    bytes(bits / 8),
    (bits / total.weights).toFixed(2),
    `${(total.original / bits).toFixed(1)}x`,
    accuracy,
  ]);
  const columns = ['weights', 'bits a weight', 'rate', 'top-1'];
  return [
    formatTable([{ title: 'step' }, ...columns.map((title) => ({ title, align: right }))], rows),
    `top-1 of a sample of ${images} images; with ${bytes(otherBytes)} of graph, biases and norms a .skz file has about ${bytes(fileBytes)}`,
  ];
}
