/** The words after `npm run bench --`. */
import { parseArgs } from 'node:util';
import { positive } from '../report/words.ts';

export const SECTIONS = ['engine', 'lone', 'handwritten', 'cascade', 'batching', 'memory'] as const;

export type SectionName = (typeof SECTIONS)[number];

export interface BenchOptions {
  readonly only: readonly SectionName[];
  readonly rounds: number;
  readonly seconds: number;
  /** Connections that saturate a server. */
  readonly connections: number;
  readonly json: boolean;
  readonly markdown: string | undefined;
}

export const USAGE = `npm run bench -- [options]
  --quick             short runs, for a first look
  --only <sections>   some of ${SECTIONS.join(',')}
  --rounds <n>        how often each comparison is repeated (5, quick 2)
  --seconds <s>       length of one measurement (4, quick 1)
  --connections <n>   connections that saturate a server (64)
  --json              one JSON object on standard output
  --markdown <file>   the table as Markdown, too`;

/** @throws Error with one line that says what is off */
export function readOptions(args: readonly string[]): BenchOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', short: 'h' },
      quick: { type: 'boolean' },
      only: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      connections: { type: 'string' },
      json: { type: 'boolean' },
      markdown: { type: 'string' },
    },
  });
  if (values.help) return 'help';
  const quick = values.quick ?? false;
  const only = values.only?.split(',') ?? [...SECTIONS];
  for (const name of only) {
    if (!SECTIONS.includes(name as SectionName)) {
      throw new Error(`--only: expected some of ${SECTIONS.join(', ')}, received '${name}'`);
    }
  }
  return {
    only: only as SectionName[],
    rounds: positive('rounds', values.rounds, quick ? 2 : 5),
    seconds: positive('seconds', values.seconds, quick ? 1 : 4),
    connections: positive('connections', values.connections, 64),
    json: values.json ?? false,
    markdown: values.markdown,
  };
}
