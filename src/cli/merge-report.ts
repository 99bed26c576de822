/** What merging parts into one model comes to, for people and as JSON. */
import type { MergedChoice } from '../split/index.ts';
import { formatTable, ms } from './table.ts';

const NAMES = { parts: 'the parts, one after another', 'side-by-side': 'side by side', grouped: 'grouped' } as const;

/** As `--json` prints it. */
export function mergedJson({ form, latencyMs, slowestMs, ungrouped }: MergedChoice): object {
  return { form, latencyMs, slowestMs, ...(ungrouped !== undefined && { ungrouped }) };
}

/** Whether one thread answers sooner by the merged model than by the parts. */
export function isFaster({ form, latencyMs }: MergedChoice): boolean {
  return (latencyMs[form] ?? Number.POSITIVE_INFINITY) < latencyMs.parts;
}

export function describeMerged(choice: MergedChoice): readonly string[] {
  const { form, latencyMs, slowestMs, ungrouped } = choice;
  const rows = (['parts', 'side-by-side', 'grouped'] as const).flatMap((each) => {
    const time = latencyMs[each];
    return time === undefined ? [] : [[NAMES[each], ms(time), each === form ? 'chosen' : '']];
  });
  const table = formatTable([{ title: 'on one thread' }, { title: 'one image', align: 'right' }, { title: '' }], rows);
  const advice = isFaster(choice) ? [] : ['no form is faster than the parts one after another: serve the plan'];
  return [
    table,
    `spread over as many threads as there are parts, an image waits for the slowest: ${ms(slowestMs)}`,
    ...(ungrouped === undefined ? [] : [`not grouped: ${ungrouped}`]),
    ...advice,
  ];
}
