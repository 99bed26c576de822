/**
 * `npm run bench:training`: how fast ResNet-20 is trained (whole steps: forward, loss, backward, SGD with momentum; images
 * that lie ready) and with how much memory, beside what it is compared with, in one run on one machine. Each is a process
 * of its own; those that are fast enough are measured in turn.
 */
import { writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { messageOf } from '../src/base/index.ts';
import { describeMachine, machineLine } from './report/machine.ts';
import { markdownTable, met, textTable } from './report/table.ts';
import { compare } from './training/compare.ts';
import { readTrainingOptions, TRAINING_USAGE, type TrainingOptions } from './training/options.ts';
import { operatorShares } from './training/profile.ts';

const SHOWN_OPERATORS = 5;

try {
  const options = readTrainingOptions(process.argv.slice(2));
  if (options === 'help') console.log(TRAINING_USAGE);
  else await bench(options);
  process.exit();
} catch (error) {
  console.error(`bench: ${messageOf(error)}`);
  process.exit(1);
}

async function bench(options: TrainingOptions): Promise<void> {
  const { rounds, seconds, batch, threads } = options;
  const log = (line: string) => process.stderr.write(`${line}\n`);
  const machine = describeMachine();
  const loadBefore = load();
  const rows = await compare(options, log);
  log('profile …');
  const shares = await operatorShares(options);
  const header = [
    machineLine(machine),
    `ResNet-20, ${batch} images a step, ${threads} threads; ${rounds} rounds of ${seconds} s each, in turn; medians, range in brackets`,
    `processes that wanted a core (mean of a minute): ${loadBefore} before, ${load()} after`,
    `Skein's time by operator: ${shares
      .slice(0, SHOWN_OPERATORS)
      .map(({ opType, share, nodes }) => `${opType} ${(100 * share).toFixed(1)} % (${nodes} nodes)`)
      .join(', ')}`,
  ];
  if (options.json) {
    console.log(JSON.stringify({ machine, shares, rows: rows.map((row) => ({ ...row, met: met(row) })) }));
  } else console.log(`${header.map((line) => `# ${line}`).join('\n')}\n\n${textTable(rows)}`);
  if (options.markdown !== undefined)
    await writeFile(options.markdown, `${header.join('  \n')}\n\n${markdownTable(rows)}\n`);
}

function load(): string {
  return (loadavg()[0] ?? 0).toFixed(1);
}
