import { expect, it } from 'vitest';
import { drawCells, drawChart, roundTicks, svgFile } from './svg-chart.ts';

it.each([
  [0, 1, 6, [0, 0.2, 0.4, 0.6, 0.8, 1]],
  [0.81, 0.9, 6, [0.82, 0.84, 0.86, 0.88, 0.9]],
  [-3, 4, 4, [-2, 0, 2, 4]],
  [120, 990, 4, [500]],
  [7, 7, 6, [7]],
])('roundTicks() from %f to %f', (low, high, count, expected) => {
  expect(roundTicks(low, high, count)).toEqual(expected);
});

const chart = drawChart({
  title: 'a < b & "c"',
  x: { title: 'bits', ticks: [2, 8], reversed: true },
  y: { title: 'top-1' },
  series: [
    {
      name: 'one',
      points: [
        [8, 1],
        [2, 0],
      ],
      labels: ['first', 'second'],
    },
    {
      name: 'two',
      points: [
        [8, 0.5],
        [2, 0.5],
      ],
      line: false,
    },
  ],
});

it('drawChart() places points by their axes', () => {
  const dots = [...chart.body.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)" r="3.5"/g)].map(([, x, y]) => [
    Number(x),
    Number(y),
  ]);
  const [[x8 = 0, y1 = 0] = [], [x2 = 0, y0 = 0] = [], [again = 0, middle = 0] = []] = dots;
  // Reversed: 8 stands left of 2. Up is less in SVG.
  expect(x8).toBeLessThan(x2);
  expect(y1).toBeLessThan(y0);
  expect([again, middle]).toEqual([x8, (y0 + y1) / 2]);
  expect(chart.body.match(/<polyline/g)).toHaveLength(1);
  expect(chart.body).toContain('a &lt; b &amp; &quot;c&quot;');
  for (const word of ['first', 'second', 'one', 'two', 'bits', 'top-1']) expect(chart.body).toContain(`>${word}<`);
});

it('drawCells() shades from white to dark', () => {
  const { body } = drawCells({
    title: 'lost',
    columns: ['8'],
    rows: [
      { name: 'conv', cells: [{ text: '0.0', shade: 0 }] },
      { name: 'fc', cells: [{ text: '50', shade: 2 }] },
    ],
  });
  expect([...body.matchAll(/rgb\([\d,]+\)/g)].map(([color]) => color)).toEqual(['rgb(255,255,255)', 'rgb(178,24,43)']);
});

it('svgFile() puts drawings below each other', () => {
  const file = svgFile([chart, { width: 700, height: 10, body: '<g/>' }]);
  expect(file).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" width="700" height="410" /);
  expect(file).toContain('<title>a &lt; b &amp; &quot;c&quot;</title>');
  expect(file).toContain('<g transform="translate(0 400)">');
  expect(file.match(/<g[ >]/g)?.length).toBe(file.match(/<\/g>/g)?.length);
});

it('drawChart() keeps labels within the picture and off each other', () => {
  const labels = ['a point in the corner', 'another one there', 'a third one'];
  const series = [
    {
      name: 's',
      points: [
        [0, 0],
        [1, 1],
        [1, 1],
        [1, 1],
      ] as const,
      labels: ['first', ...labels],
    },
  ];
  const { body, width } = drawChart({ title: 't', x: { title: 'x' }, y: { title: 'y' }, series });
  const boxes = labels.map((label) => {
    const [, x, y, anchor] =
      new RegExp(`<text x="([^"]+)" y="([^"]+)" text-anchor="(\\w+)">${label}<`).exec(body) ?? [];
    const [at, length] = [Number(x), 7 * label.length];
    return { left: anchor === 'end' ? at - length : at, right: anchor === 'end' ? at : at + length, y: Number(y) };
  });
  for (const [i, box] of boxes.entries()) {
    expect([box.left >= 0, box.right <= width]).toEqual([true, true]);
    for (const other of boxes.slice(0, i)) {
      const apart = box.left >= other.right || other.left >= box.right || Math.abs(box.y - other.y) >= 12;
      expect(i === 2 || apart).toBe(true);
    }
  }
});

it('drawChart() without points has axes', () => {
  const { body } = drawChart({ title: 'empty', x: { title: 'x' }, y: { title: 'y' }, series: [] });
  expect(body).not.toMatch(/NaN|Infinity/);
});
