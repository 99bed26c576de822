/** Text for people: aligned tables and numbers with their units. */
export { percent } from '../plan/percent.ts';

export interface Column {
  readonly title: string;
  /** Numbers stand to the right. */
  readonly align?: 'left' | 'right';
}

export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map(({ title }, i) => Math.max(title.length, ...rows.map((row) => (row[i] ?? '').length)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (columns[i]?.align === 'right' ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd();
  return [line(columns.map(({ title }) => title)), ...rows.map(line)].join('\n');
}

export function ms(milliseconds: number | null): string {
  if (milliseconds === null) return '-';
  return `${milliseconds.toFixed(milliseconds < 10 ? 3 : 1)} ms`;
}

/** 853018 → '853.0 k', 126_800_000 → '126.8 M'; three to four digits are enough to compare by. */
export function count(number: number): string {
  return scaled(number, 1000, ['', ' k', ' M', ' G', ' T']);
}

/** Of files, in powers of 1024. */
export function bytes(number: number): string {
  return scaled(number, 1024, [' B', ' KiB', ' MiB', ' GiB', ' TiB']);
}

function scaled(number: number, base: number, units: readonly string[]): string {
  let value = number;
  let unit = 0;
  while (value >= base && unit < units.length - 1) {
    value /= base;
    unit++;
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)}${units[unit]}`;
}

/** '1 step', '12 steps'. */
export function numberOf(amount: number, singular: string): string {
  return `${amount} ${singular}${amount === 1 ? '' : 's'}`;
}
