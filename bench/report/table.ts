/** The table of the benchmark: for a terminal, as Markdown, as JSON. */
import { markdownOf } from './markdown.ts';
import type { Spread } from './rounds.ts';

export interface Row {
  readonly measure: string;
  readonly ours: string;
  readonly peer: string;
  /** The comparison as numbers; undefined for a row that only informs. */
  readonly value?: Spread;
  /** How to write the comparison, '×' for a ratio. */
  readonly unit?: string;
  readonly target?: { readonly at: 'least' | 'most'; readonly value: number };
}

const COLUMNS = ['measure', 'ours', 'peer', 'ratio or difference', 'target', 'met'] as const;

export function met({ value, target }: Row): boolean | undefined {
  if (value === undefined || target === undefined) return undefined;
  return target.at === 'least' ? value.median >= target.value : value.median <= target.value;
}

function cells(row: Row): string[] {
  const { measure, ours, peer, value, unit = '×', target } = row;
  const number = (x: number) => (unit === '×' ? x.toFixed(2) : Math.abs(x) < 10 ? x.toFixed(3) : x.toFixed(1));
  const withUnit = (x: number) => (unit === '×' ? `${number(x)}×` : `${number(x)} ${unit}`);
  const isRange = value !== undefined && value.min !== value.max;
  return [
    measure,
    ours,
    peer,
    value === undefined
      ? ''
      : `${withUnit(value.median)}${isRange ? ` (${number(value.min)} to ${number(value.max)})` : ''}`,
    target === undefined
      ? ''
      : `${target.at === 'least' ? '≥' : '≤'} ${target.value} ${unit === '×' ? '' : unit}`.trim(),
    { true: 'yes', false: 'NO', undefined: '' }[String(met(row)) as 'true'],
  ];
}

export function textTable(rows: readonly Row[]): string {
  const lines = [COLUMNS as readonly string[], ...rows.map(cells)];
  const widths = COLUMNS.map((_, column) => Math.max(...lines.map((line) => (line[column] as string).length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] as number))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export function markdownTable(rows: readonly Row[]): string {
  return markdownOf(COLUMNS, rows.map(cells));
}
