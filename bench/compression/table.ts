/** The table of the compressions, for a terminal and as Markdown. */
import type { Measured } from '../../src/cli/comparison.ts';
import { bytes, count, formatTable, percent } from '../../src/cli/table.ts';
import { markdownOf } from '../report/markdown.ts';
import type { Chain } from './recipes.ts';

export interface Figures extends Measured {
  readonly chain: Chain;
  /** From the file to the bytes that ONNX Runtime loads. */
  readonly openMs: number;
}

export interface CompressionRow extends Figures {
  /** The model as it was. */
  readonly base: Figures;
  /** What accuracy is held against: the model as it was, or after the same epochs of training. */
  readonly against: Figures;
}

const TITLES = [
  'model',
  'what',
  'top-1',
  'points',
  'parameters',
  'MACs',
  'file',
  'opened in',
  'one image',
  'images/s',
  'bar',
  'met',
];

export function compressionText(rows: readonly CompressionRow[]): string {
  return formatTable(
    TITLES.map((title, i) => ({ title, align: i > 1 && i < 10 ? ('right' as const) : ('left' as const) })),
    rows.map(cells),
  );
}

export function compressionMarkdown(rows: readonly CompressionRow[]): string {
  return markdownOf(TITLES, rows.map(cells));
}

function cells(row: CompressionRow): string[] {
  const { chain, top1, params, macs, bytes: size, openMs, latencyMs, throughput, base } = row;
  const isBase = chain.steps.length === 0;
  const times = (before: number, after: number) => (isBase ? '' : ` (${(before / after).toFixed(2)}×)`);
  const points = pointsOf(row);
  return [
    chain.model,
    isBase ? 'as it is' : chain.title,
    percent(top1, 2),
    isBase ? '' : `${points > 0 ? '+' : ''}${points.toFixed(2)}${row.against === base ? '' : ' (trained on)'}`,
    `${count(params)}${times(base.params, params)}`,
    `${count(macs)}${times(base.macs, macs)}`,
    `${bytes(size)}${times(base.bytes, size)}`,
    `${(openMs / 1e3).toFixed(2)} s`,
    `${latencyMs.toFixed(3)} ms${times(base.latencyMs, latencyMs)}`,
    `${Math.round(throughput)}`,
    ...barCells(row),
  ];
}

/** Of top-1. */
function pointsOf({ top1, against }: CompressionRow): number {
  return 100 * (top1 - against.top1);
}

function barCells(row: CompressionRow): [string, string] {
  const { chain, base, macs, latencyMs, openMs, bytes: size } = row;
  const { bars } = chain;
  if (bars === undefined) return ['', ''];
  const checks: [string, boolean][] = [];
  if (bars.macs !== undefined) checks.push([`MACs ≥ ${bars.macs}×`, base.macs / macs >= bars.macs]);
  if (bars.speed !== undefined) checks.push([`one image ≥ ${bars.speed}×`, base.latencyMs / latencyMs >= bars.speed]);
  if (bars.fileBytes !== undefined) checks.push([`file ≤ ${bars.fileBytes / 1e6} MB`, size <= bars.fileBytes]);
  if (bars.openSeconds !== undefined)
    checks.push([`opened in ≤ ${bars.openSeconds} s`, openMs <= 1e3 * bars.openSeconds]);
  checks.push([`≤ ${bars.lost} lost`, pointsOf(row) >= -bars.lost]);
  const missed = checks.filter(([, met]) => !met).map(([bar]) => bar);
  return [checks.map(([bar]) => bar).join(', '), missed.length === 0 ? 'yes' : `NO: ${missed.join(', ')}`];
}
