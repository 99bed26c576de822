/** The table of class parallelism, for a terminal and as Markdown. */

import { mean } from '../../src/base/index.ts';
import { count, formatTable, percent } from '../../src/cli/table.ts';
import { markdownOf } from '../report/markdown.ts';
import type { Figures } from './measure-rows.ts';

export interface ClassParallelRow extends Figures {
  /** The network as it is. */
  readonly base: Figures;
  /** What its accuracy is held against. */
  readonly against: Figures;
}

const TITLES = [
  'network',
  'what',
  'top-1',
  'points',
  'training',
  'largest part',
  'all parameters',
  'MACs',
  'critical path',
  'one image, all cores',
  'images/s, all cores',
  'bar',
  'met',
];
const NUMBERS = TITLES.length - 2;

export function classParallelText(rows: readonly ClassParallelRow[]): string {
  return formatTable(
    TITLES.map((title, i) => ({ title, align: i > 1 && i < NUMBERS ? ('right' as const) : ('left' as const) })),
    rows.map(cells),
  );
}

export function classParallelMarkdown(rows: readonly ClassParallelRow[]): string {
  return markdownOf(TITLES, rows.map(cells));
}

function cells(row: ClassParallelRow): string[] {
  const { recipe, base, against } = row;
  const isBase = recipe === base.recipe;
  const times = (before: number, after: number): string => (isBase ? '' : ` (${(before / after).toFixed(2)}×)`);
  const points = pointsOf(row);
  const title = row.byHand ? `${recipe.title} (at 0.9 by hand: pair finds that none pays)` : recipe.title;
  return [
    recipe.family,
    title,
    accuracyOf(row),
    isBase ? '' : `${points > 0 ? '+' : ''}${points.toFixed(2)}${against === base ? '' : ` (${against.recipe.title})`}`,
    `${row.epochs.toFixed(2)} epochs`,
    `${count(row.params)}${times(base.params, row.params)}`,
    count(row.totalParams),
    `${count(row.macs)}${times(base.macs, row.macs)}`,
    `${row.criticalPathMs.toFixed(3)} ms${times(base.criticalPathMs, row.criticalPathMs)}`,
    `${row.oneImageMs.toFixed(3)} ms${times(base.oneImageMs, row.oneImageMs)}`,
    `${Math.round(row.throughput)}${isBase ? '' : ` (${(row.throughput / base.throughput).toFixed(2)}×)`}`,
    ...barCells(row),
  ];
}

/** The mean of the seeds, and their range. */
function accuracyOf({ top1 }: Figures): string {
  const range = top1.length === 1 ? '' : ` (${percent(Math.min(...top1), 2)} to ${percent(Math.max(...top1), 2)})`;
  return `${percent(mean(top1), 2)}${range}`;
}

function pointsOf({ top1, against }: ClassParallelRow): number {
  return 100 * (mean(top1) - mean(against.top1));
}

function barCells(row: ClassParallelRow): [string, string] {
  const { bars = {} } = row.recipe;
  const { base } = row;
  const checks: [string, boolean][] = [];
  if (bars.params !== undefined) {
    checks.push([`largest part ≥ ${bars.params}×`, base.params / row.params >= bars.params]);
  }
  if (bars.speed !== undefined) {
    checks.push([`critical path ≥ ${bars.speed}×`, base.criticalPathMs / row.criticalPathMs >= bars.speed]);
  }
  if (bars.lost !== undefined) checks.push([`≤ ${bars.lost} lost`, pointsOf(row) >= -bars.lost]);
  if (checks.length === 0) return ['', ''];
  const missed = checks.filter(([, met]) => !met).map(([bar]) => bar);
  return [checks.map(([bar]) => bar).join(', '), missed.length === 0 ? 'yes' : `NO: ${missed.join(', ')}`];
}
