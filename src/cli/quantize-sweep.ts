/** Accuracy against bits, as a table for people and as a picture. */
import type { BitSweep } from '../compress/index.ts';
import { drawCells, drawChart, svgFile } from './svg-chart.ts';
import { formatTable, percent } from './table.ts';

/** Points lost from which on a cell is dark. */
const DARK = 0.2;

export function describeSweep({ bits, float, whole, layers, images }: BitSweep): string[] {
  const right = 'right' as const;
  const columns = [{ title: 'top-1 at bits' }, ...bits.map((each) => ({ title: String(each), align: right }))];
  const rows = [
    ['weights, activations in 8', ...whole.map(({ weights }) => percent(weights, 1))],
    ['weights and activations', ...whole.map(({ both }) => percent(both, 1))],
    ...layers.map(({ name, top1 }) => [name, ...top1.map((each) => percent(each, 1))]),
  ];
  return [
    formatTable(columns, rows),
    `float ${percent(float.whole, 1)} of ${images.whole} images; each layer by itself, ${percent(float.layers, 1)} of ${images.layers} in float`,
  ];
}

export function drawSweep({ bits, float, whole, layers, images }: BitSweep): string {
  const chart = drawChart({
    title: `Accuracy against bits, ${images.whole} images`,
    x: { title: 'bits', ticks: [...bits].sort((a, b) => a - b), reversed: true },
    y: { title: 'top-1', format: (value) => percent(value) },
    series: [
      { name: 'weights and activations', points: whole.map(({ bits: at, both }) => [at, both]) },
      { name: 'weights, activations in 8 bits', points: whole.map(({ bits: at, weights }) => [at, weights]) },
      { name: 'float', points: bits.map((at) => [at, float.whole]) },
    ],
  });
  const cells = drawCells({
    title: `One layer rounded, all others in float: points of top-1 lost, ${images.layers} images`,
    columns: bits.map((each) => `${each} bits`),
    rows: layers.map(({ name, top1 }) => ({
      name,
      cells: top1.map((each) => ({
        text: (100 * (float.layers - each)).toFixed(1),
        shade: (float.layers - each) / DARK,
      })),
    })),
  });
  return svgFile([chart, cells]);
}
