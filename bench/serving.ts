/**
 * `npm run bench`: what Skein's server reaches, beside what it is compared with, in one run on one machine. Servers, bare
 * engine and load generator are processes of their own; alternatives are measured in turn, and each ratio is the median
 * over the rounds with its range.
 */
import { writeFile } from 'node:fs/promises';
import { messageOf } from '../src/base/index.ts';
import { describeMachine, machineLine } from './report/machine.ts';
import { markdownTable, met, type Row, textTable } from './report/table.ts';
import { BenchContext, type Section } from './serving/bench-context.ts';
import { cascadeSection, memorySection } from './serving/cascade-section.ts';
import { batchingSection, engineSection } from './serving/engine-section.ts';
import { handwrittenSection } from './serving/handwritten-section.ts';
import { loneSection } from './serving/lone-section.ts';
import { openMaterial } from './serving/material.ts';
import { type BenchOptions, readOptions, type SectionName, USAGE } from './serving/options.ts';

const RUN: Readonly<Record<SectionName, Section>> = {
  engine: engineSection,
  lone: loneSection,
  handwritten: handwrittenSection,
  cascade: cascadeSection,
  batching: batchingSection,
  memory: memorySection,
};

try {
  const options = readOptions(process.argv.slice(2));
  if (options === 'help') console.log(USAGE);
  else await bench(options);
  process.exit();
} catch (error) {
  console.error(`bench: ${messageOf(error)}`);
  process.exit(1);
}

async function bench(options: BenchOptions): Promise<void> {
  const machine = describeMachine();
  const how = `${options.rounds} rounds of ${options.seconds} s each, in turn; medians, range in brackets`;
  const log = (line: string) => process.stderr.write(`${line}\n`);
  const material = await openMaterial();
  const header = [
    `# ${machineLine(machine)}`,
    `# ${how}`,
    ...(material.note === undefined ? [] : [`# ${material.note}`]),
  ];
  for (const line of header) log(line);
  const context = new BenchContext(options, material, log);
  const rows: Row[] = [];
  for (const name of options.only) {
    log(`${name} …`);
    rows.push(...(await RUN[name](context)));
  }
  await context.close();
  if (options.json) {
    console.log(JSON.stringify({ machine, note: material.note, rows: rows.map((row) => ({ ...row, met: met(row) })) }));
  } else console.log(`${header.join('\n')}\n\n${textTable(rows)}`);
  if (options.markdown !== undefined) {
    await writeFile(
      options.markdown,
      `${header.map((line) => line.slice(2)).join('  \n')}\n\n${markdownTable(rows)}\n`,
    );
  }
}
