/** What class parallelism made of a model, for people and as JSON. */
import type { ChosenCombination } from '../split/index.ts';
import { describeMerged, mergedJson } from './merge-report.ts';
import type { MergedParts } from './split-merge.ts';
import { count, formatTable, ms, percent } from './table.ts';

export interface PartReport {
  readonly classes: readonly string[];
  /** The file in the folder of the plan. */
  readonly model: string;
  readonly params: number;
  /** An image. */
  readonly macs: number;
  /** Of one image on one thread. */
  readonly latencyMs: number;
  /** At its own task: the mean over 'other' and each class of the share that is right. */
  readonly top1: number;
}

export interface SplitReport {
  readonly output: string;
  readonly parts: readonly PartReport[];
  readonly combination: ChosenCombination;
  /** Of joining the parts' answers to one image. */
  readonly combinationMs: number;
  /** The model that was split. */
  readonly before: Pick<PartReport, 'params' | 'macs' | 'latencyMs' | 'top1'>;
  /** Images that the accuracies are of. */
  readonly samples: number;
  readonly source: string;
  /** The parts as one model; undefined where that was not asked for. */
  readonly merged?: MergedParts;
}

/** As `--json` prints it. */
export function splitJson(report: SplitReport): object {
  const { output, parts, combination, combinationMs, before, samples, source, merged } = report;
  const { other, calibrated, quality, tried } = combination;
  const { top1, loss } = quality;
  const after = { top1, loss, ...formationOf(parts, combinationMs), combinationMs };
  const more = merged && { merged: { model: merged.file ?? null, ...mergedJson(merged.choice) } };
  return { output, parts, other, calibrated, tried, before, after, samples, source, ...more };
}

/** What one device of many holds, how long the slowest and the combination take, and what all do together. */
function formationOf(parts: readonly PartReport[], combinationMs: number) {
  return {
    params: Math.max(...parts.map((part) => part.params)),
    latencyMs: Math.max(...parts.map((part) => part.latencyMs)) + combinationMs,
    macs: parts.reduce((sum, part) => sum + part.macs, 0),
    totalParams: parts.reduce((sum, part) => sum + part.params, 0),
  };
}

/** Names in a cell; more would push the numbers off the screen. */
const NAMES = 4;

export function describeSplit(report: SplitReport): string {
  const { output, parts, combination, combinationMs, before, samples, source, merged } = report;
  const right = 'right' as const;
  const formation = formationOf(parts, combinationMs);
  const { quality, tried } = combination;
  const ofParts = formatTable(
    [
      { title: 'part' },
      { title: 'classes' },
      { title: 'parameters', align: right },
      { title: 'MACs', align: right },
      { title: 'one image', align: right },
      { title: 'own task', align: right },
    ],
    parts.map(({ model, classes, params, macs, latencyMs, top1 }) => [
      model,
      classes.length > NAMES ? `${classes.slice(0, NAMES).join(', ')}, … (${classes.length})` : classes.join(', '),
      count(params),
      count(macs),
      ms(latencyMs),
      percent(top1, 2),
    ]),
  );
  const times = (more: number, less: number, word: string): string => `${(more / less).toFixed(2)}x ${word}`;
  const points = 100 * (quality.top1 - before.top1);
  const both = formatTable(
    [{ title: '' }, { title: 'base', align: right }, { title: 'formation', align: right }, { title: '', align: right }],
    [
      [
        'top-1',
        percent(before.top1, 2),
        percent(quality.top1, 2),
        `${points > 0 ? '+' : ''}${points.toFixed(2)} points`,
      ],
      [
        'parameters of the largest part',
        count(before.params),
        count(formation.params),
        times(before.params, formation.params, 'fewer'),
      ],
      [
        'one image, the critical path',
        ms(before.latencyMs),
        ms(formation.latencyMs),
        times(before.latencyMs, formation.latencyMs, 'faster'),
      ],
      [
        'parameters of all parts',
        count(before.params),
        count(formation.totalParams),
        times(before.params, formation.totalParams, 'fewer'),
      ],
      ['MACs of all parts', count(before.macs), count(formation.macs), times(before.macs, formation.macs, 'fewer')],
    ],
  );
  const way = ({ other, calibrated }: (typeof tried)[number]): string =>
    `${other}, ${calibrated ? 'calibrated' : 'as they are'}`;
  const ways = tried.map((each) => `${way(each)} ${each.quality.loss.toFixed(4)}`).join('; ');
  return [
    ofParts,
    '',
    both,
    `top-1 of ${samples} images of ${source}, each calibrated on others of them; times on one thread`,
    `critical path: the slowest part and ${ms(combinationMs)} in which the parts' answers are joined`,
    `'other' ${way(combination)}; cross-entropy by what is done with it: ${ways}`,
    ...(merged === undefined ? [] : ['', ...describeMerged(merged.choice)]),
    ...(merged?.file === undefined ? [] : ['', `written: ${output}/${merged.file}, the parts as one model`]),
  ].join('\n');
}
