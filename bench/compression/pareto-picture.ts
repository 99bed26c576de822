/** Latency against accuracy, as SVG: what is worth its time lies on the line of its model, up and to the left. */
import { drawChart, svgFile } from '../../src/cli/svg-chart.ts';
import type { CompressionRow } from './table.ts';

/** @param images that the accuracies are of, in words */
export function paretoPicture(rows: readonly CompressionRow[], images: string): string {
  const series = [...new Set(rows.map(({ chain }) => chain.model))].flatMap((model) => {
    const ofModel = rows.filter(({ chain }) => chain.model === model).sort((a, b) => a.latencyMs - b.latencyMs);
    const place = ({ latencyMs, top1 }: CompressionRow): [number, number] => [Math.log10(latencyMs), 100 * top1];
    let best = 0;
    // Where nothing faster is as accurate.
    const front = ofModel.filter(({ top1 }) => {
      if (top1 <= best) return false;
      best = top1;
      return true;
    });
    const rest = ofModel.filter((row) => !front.includes(row));
    const labels = (some: readonly CompressionRow[]) =>
      some.map(({ chain }) => (chain.steps.length === 0 ? 'as it is' : chain.title));
    return [
      { name: model, points: front.map(place), labels: labels(front) },
      ...(rest.length === 0
        ? []
        : [{ name: `${model}, behind`, points: rest.map(place), labels: labels(rest), line: false }]),
    ];
  });
  return svgFile([
    drawChart(
      {
        title: 'CIFAR-10 (as JPEG): accuracy against the time of one image',
        x: { title: 'ms for one image on one thread (logarithmic)', format: (value) => (10 ** value).toPrecision(2) },
        y: { title: `top-1 of the ${images}, %` },
        series,
      },
      900,
      560,
    ),
  ]);
}
