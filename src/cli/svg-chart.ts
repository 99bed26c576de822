/**
 * Small pictures as SVG: series of points over two axes with a legend, and tables of cells by colour. No script, no style
 * sheet, nothing to load: they show in a README as they are.
 */

export interface Series {
  readonly name: string;
  /** In the order in which the line goes. */
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Words beside each point. */
  readonly labels?: readonly string[];
  /** Points alone where false. */
  readonly line?: boolean;
}

export interface Axis {
  readonly title: string;
  /** How a tick stands there; as a number unless told. */
  readonly format?: (value: number) => string;
  /** The ticks; round numbers unless told. */
  readonly ticks?: readonly number[];
  /** From right to left, or from top to bottom. */
  readonly reversed?: boolean;
}

export interface Chart {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
}

export interface CellTable {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly { readonly name: string; readonly cells: readonly Cell[] }[];
}

export interface Cell {
  readonly text: string;
  /** From 0, white, to 1, dark. */
  readonly shade: number;
}

/** A picture, or a part of one. */
export interface Drawing {
  /** For those who cannot see it. */
  readonly title?: string;
  readonly width: number;
  readonly height: number;
  readonly body: string;
}

/** Told apart by the colour-blind, too (Okabe and Ito 2008). */
const COLORS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000'];
const MARGIN = { top: 60, right: 24, bottom: 52, left: 72 };
const WIDTH = 640;
const HEIGHT = 400;
const ROW = 18;
/** Below the title and the names of the columns. */
const CELLS_TOP = 56;
const LETTER = 7;

export function drawChart({ title, x, y, series }: Chart, width = WIDTH, height = HEIGHT): Drawing {
  const points = series.flatMap((each) => each.points);
  const horizontal = scaleOf(
    x,
    points.map(([value]) => value),
    MARGIN.left,
    width - MARGIN.right,
  );
  const vertical = scaleOf(
    y,
    points.map(([, value]) => value),
    height - MARGIN.bottom,
    MARGIN.top,
  );
  const parts = [heading(title, width)];
  for (const tick of horizontal.ticks) {
    const at = horizontal.place(tick);
    parts.push(line(at, MARGIN.top, at, height - MARGIN.bottom, '#dddddd'));
    parts.push(text(at, height - MARGIN.bottom + 18, (x.format ?? shortest)(tick), 'middle'));
  }
  for (const tick of vertical.ticks) {
    const at = vertical.place(tick);
    parts.push(line(MARGIN.left, at, width - MARGIN.right, at, '#dddddd'));
    parts.push(text(MARGIN.left - 8, at + 4, (y.format ?? shortest)(tick), 'end'));
  }
  parts.push(text((MARGIN.left + width - MARGIN.right) / 2, height - 12, x.title, 'middle'));
  const middle = (MARGIN.top + height - MARGIN.bottom) / 2;
  parts.push(text(18, middle, y.title, 'middle', ` transform="rotate(-90 18 ${middle})"`));
  const taken: Box[] = [];
  for (const [i, each] of series.entries()) {
    const color = COLORS[i % COLORS.length] as string;
    const places = each.points.map(([px, py]) => [horizontal.place(px), vertical.place(py)] as const);
    if (each.line !== false && places.length > 1) {
      const path = places.map(([px, py]) => `${round(px)},${round(py)}`).join(' ');
      parts.push(`<polyline points="${path}" fill="none" stroke="${color}" stroke-width="2"/>`);
    }
    for (const [at, [px, py]] of places.entries()) {
      parts.push(`<circle cx="${round(px)}" cy="${round(py)}" r="3.5" fill="${color}"/>`);
      const label = each.labels?.[at];
      if (label !== undefined) parts.push(labelAt(px, py, label, width, taken));
    }
  }
  parts.push(...legend(series, width));
  return { title, width, height, body: parts.join('\n') };
}

interface Box {
  readonly left: number;
  readonly right: number;
  readonly middle: number;
}

/** Words beside a point: where they are within the picture and on no others, if there is such a place. */
function labelAt(px: number, py: number, words: string, width: number, taken: Box[]): string {
  const length = LETTER * words.length;
  const places = [py - 6, py + 14].flatMap((y) => [
    { y, anchor: 'start' as const, box: { left: px + 6, right: px + 6 + length, middle: y } },
    { y, anchor: 'end' as const, box: { left: px - 6 - length, right: px - 6, middle: y } },
  ]);
  const fits = places.filter(({ box }) => box.right <= width && box.left >= 0);
  const isFree = ({ box }: (typeof places)[number]): boolean =>
    !taken.some(
      (other) => box.left < other.right && other.left < box.right && Math.abs(box.middle - other.middle) < 12,
    );
  const place = fits.find(isFree) ?? fits[0] ?? places[0];
  if (place === undefined) return '';
  taken.push(place.box);
  return text(place.anchor === 'start' ? px + 6 : px - 6, place.y, words, place.anchor);
}

export function drawCells({ title, columns, rows }: CellTable): Drawing {
  const left = 16 + LETTER * Math.max(0, ...rows.map(({ name }) => name.length));
  const cell =
    12 +
    LETTER *
      Math.max(
        0,
        ...columns.map((each) => each.length),
        ...rows.flatMap(({ cells }) => cells.map((each) => each.text.length)),
      );
  const parts = [heading(title, left + cell * columns.length + MARGIN.right)];
  for (const [j, column] of columns.entries())
    parts.push(text(left + (j + 0.5) * cell, CELLS_TOP - 8, column, 'middle'));
  for (const [i, { name, cells }] of rows.entries()) {
    const top = CELLS_TOP + i * ROW;
    parts.push(text(left - 8, top + 13, name, 'end'));
    for (const [j, { text: words, shade }] of cells.entries()) {
      const bounded = Math.min(Math.max(Number.isFinite(shade) ? shade : 0, 0), 1);
      const fill = `fill="rgb(${[
        [255, 178],
        [255, 24],
        [255, 43],
      ]
        .map(([from = 0, to = 0]) => Math.round(from + (to - from) * bounded))
        .join(',')})"`;
      parts.push(`<rect x="${left + j * cell}" y="${top}" width="${cell - 1}" height="${ROW - 1}" ${fill}/>`);
      const ink = bounded > 0.6 ? ' fill="white"' : '';
      parts.push(text(left + (j + 0.5) * cell, top + 13, words, 'middle', ink));
    }
  }
  const width = Math.max(left + cell * columns.length + MARGIN.right, 2 * MARGIN.right + LETTER * title.length);
  return { title, width, height: CELLS_TOP + 16 + rows.length * ROW, body: parts.join('\n') };
}

/** The file: drawings below each other. */
export function svgFile(drawings: readonly Drawing[]): string {
  const width = Math.max(...drawings.map((each) => each.width));
  const height = drawings.reduce((sum, each) => sum + each.height, 0);
  const parts: string[] = [];
  let top = 0;
  for (const each of drawings) {
    parts.push(`<g transform="translate(0 ${top})">`, each.body, '</g>');
    top += each.height;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(drawings.flatMap(({ title }) => title ?? []).join('; '))}</title>`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

/** Round numbers about evenly over a range: steps of 1, 2 or 5 times a power of ten. */
export function roundTicks(low: number, high: number, count = 6): number[] {
  if (!(high > low)) return [low];
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5].find((each) => each * power >= rough * 0.999) ?? 10) * power;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  // By division, so that 0.1 · 3 is 0.3.
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

function scaleOf({ ticks, reversed }: Axis, values: readonly number[], start: number, end: number) {
  const all = [...values, ...(ticks ?? [])].filter(Number.isFinite);
  let [low, high] = all.length === 0 ? [0, 1] : [Math.min(...all), Math.max(...all)];
  if (low === high) [low, high] = [low - 0.5, high + 0.5];
  const gap = 0.04 * (high - low);
  [low, high] = [low - gap, high + gap];
  const [from, to] = reversed ? [end, start] : [start, end];
  const place = (value: number): number => from + ((value - low) / (high - low)) * (to - from);
  return { place, ticks: ticks ?? roundTicks(low, high) };
}

/** In a row above the axes, where no line goes. */
function legend(series: readonly Series[], width: number): string[] {
  const widths = series.map(({ name }) => 28 + LETTER * name.length);
  let left = (width - widths.reduce((sum, each) => sum + each, 0)) / 2;
  return series.flatMap(({ name }, i) => {
    const color = COLORS[i % COLORS.length] as string;
    const parts = [
      `<circle cx="${round(left + 6)}" cy="${MARGIN.top - 20}" r="4" fill="${color}"/>`,
      text(left + 14, MARGIN.top - 16, name, 'start'),
    ];
    left += widths[i] as number;
    return parts;
  });
}

function heading(title: string, width: number): string {
  return text(Math.max(width / 2, (LETTER * title.length) / 2 + 8), 22, title, 'middle', ' font-weight="bold"');
}

function line(x1: number, y1: number, x2: number, y2: number, color: string): string {
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" stroke="${color}"/>`;
}

function text(x: number, y: number, words: string, anchor: 'start' | 'middle' | 'end', more = ''): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}"${more}>${escaped(words)}</text>`;
}

/** XML cannot hold control characters in any way. */
function escaped(words: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it is about
  const sayable = words.replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd');
  return sayable.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

function shortest(value: number): string {
  return String(Number(value.toPrecision(6)));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
