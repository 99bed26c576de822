/**
 * `npm run bench:parity`: what training reaches on real images. A trained ResNet-20 must not lose by an epoch at a small
 * rate, and ResNet-8 and ResNet-20 from scratch must come near the same recipe in PyTorch. The test images are looked at
 * once, after everything has been trained.
 */
import { appendFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../src/base/index.ts';
import { describeMachine, machineLine } from './report/machine.ts';
import { spread } from './report/rounds.ts';
import { markdownTable, type Row, textTable } from './report/table.ts';
import { pytorchTraining, skeinAccuracy, skeinTraining, type Training } from './training/contestants.ts';
import { type ExperimentName, PARITY_USAGE, type ParityOptions, readParityOptions } from './training/parity-options.ts';

const FINE_TUNING_RATE = 0.001;
const RATE = 0.1;
const DEPTHS = { resnet8: 8, resnet20: 20 } as const;

/** The trainings of one row, and what it compares. */
interface Experiment {
  readonly measure: string;
  readonly least: number;
  readonly ours: readonly Training[];
  /** Accuracies that ours are compared with, seed by seed. */
  readonly peer: readonly (Training | string)[];
}

try {
  const options = readParityOptions(process.argv.slice(2));
  if (options === 'help') console.log(PARITY_USAGE);
  else await compare(options);
  process.exit();
} catch (error) {
  console.error(`bench: ${messageOf(error)}`);
  process.exit(1);
}

async function compare(options: ParityOptions): Promise<void> {
  await mkdir(options.folder, { recursive: true });
  const experiments = options.only.map((name) => experiment(name, options));
  const logFile = join(options.folder, 'parity.log');
  const log = (line: string) => {
    process.stderr.write(`${line}\n`);
    appendFileSync(logFile, `${line}\n`);
  };
  for (const { ours, peer } of experiments) {
    for (const training of [...ours, ...peer]) {
      if (typeof training === 'string') continue;
      log(`${training.name} …`);
      await training.run((line) => log(`  ${line}`));
    }
  }
  const images = join(options.data, 'test.tar');
  const rows: Row[] = [];
  for (const each of experiments) rows.push(await rowOf(each, images));
  const header = [
    machineLine(describeMachine()),
    `accuracy on ${images}; trainings of each kind: ${options.seeds}, medians`,
  ];
  console.log(`${header.map((line) => `# ${line}`).join('\n')}\n\n${textTable(rows)}`);
  if (options.markdown !== undefined)
    await writeFile(options.markdown, `${header.join('  \n')}\n\n${markdownTable(rows)}\n`);
}

function experiment(name: ExperimentName, options: ParityOptions): Experiment {
  const seeds = Array.from({ length: options.seeds }, (_, seed) => seed);
  if (name === 'fine-tune') {
    const recipe = { name, model: options.model, epochs: 1, rate: FINE_TUNING_RATE };
    return {
      measure: `fine-tuned for an epoch at ${FINE_TUNING_RATE} : before`,
      least: -0.5,
      ours: seeds.map((seed) => skeinTraining(options, { ...recipe, seed })),
      peer: seeds.map(() => options.model),
    };
  }
  const { python, epochs } = options;
  const recipe = { name, epochs, rate: RATE };
  return {
    measure: `${name} from scratch, ${epochs} epochs : PyTorch`,
    least: -1,
    ours: seeds.map((seed) => skeinTraining(options, { ...recipe, model: name, seed })),
    peer:
      python === undefined
        ? []
        : seeds.map((seed) => pytorchTraining(options, python, { ...recipe, depth: DEPTHS[name], seed })),
  };
}

async function rowOf({ measure, least, ours, peer }: Experiment, images: string): Promise<Row> {
  const accuracies = async (of: readonly (Training | string)[]) => {
    const values: number[] = [];
    for (const each of of) {
      values.push(100 * (await (typeof each === 'string' ? skeinAccuracy(each, images) : each.accuracy(images))));
    }
    return values;
  };
  const our = await accuracies(ours);
  const their = await accuracies(peer);
  const shown = (values: readonly number[]) => `${spread(values).median.toFixed(2)} %`;
  if (their.length === 0) return { measure, ours: shown(our), peer: 'no PyTorch: --python names an interpreter' };
  return {
    measure,
    ours: shown(our),
    peer: shown(their),
    value: spread(our.map((value, i) => value - (their[i] as number))),
    unit: 'points',
    target: { at: 'least', value: least },
  };
}
