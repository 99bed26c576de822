/**
 * What the number of groups does, as SVG: accuracy, parameters, critical path and total work, each beside the network. What a
 * part is cut to follows the number of groups, see recipes.ts.
 */
import { mean } from '../../src/base/index.ts';
import { drawChart, svgFile } from '../../src/cli/svg-chart.ts';
import { MOST_TIMES } from './recipes.ts';
import type { ClassParallelRow } from './table.ts';

const WIDTH = 640;
const HEIGHT = 280;

/** @param images that the accuracies are of, in words */
export function groupsPicture(rows: readonly ClassParallelRow[], images: string): string | undefined {
  const ofGroups = rows
    .filter(({ recipe }) => recipe.groups !== undefined)
    .sort((a, b) => (a.recipe.groups as number) - (b.recipe.groups as number));
  const [first] = ofGroups;
  if (first === undefined) return undefined;
  const counts = ofGroups.map(({ recipe }) => recipe.groups as number);
  const against = first.against.recipe.title;
  const chart = (title: string, unit: string, value: (row: ClassParallelRow['base']) => number, before = first.base) =>
    drawChart(
      {
        title: `${first.recipe.family}: ${title}`,
        x: {
          title: `groups of classes (logarithmic), each cut to as many times fewer MACs, ${MOST_TIMES} at most`,
          ticks: counts.map(Math.log10),
          format: (x) => String(Math.round(10 ** x)),
        },
        y: { title: unit },
        series: [
          { name: 'parts', points: ofGroups.map((row, i) => [Math.log10(counts[i] as number), value(row)]) },
          {
            name: before === first.base ? 'the network' : `the network, ${against}`,
            points: counts.map((each) => [Math.log10(each), value(before)]),
          },
        ],
      },
      WIDTH,
      HEIGHT,
    );
  return svgFile([
    chart(`top-1 of the ${images}`, '%', ({ top1 }) => 100 * mean(top1), first.against),
    chart('parameters of the largest part', 'thousands', ({ params }) => params / 1e3),
    chart('critical path of one image, a core for each part', 'ms', ({ criticalPathMs }) => criticalPathMs),
    chart('total work of one image', 'million MACs', ({ macs }) => macs / 1e6),
  ]);
}
