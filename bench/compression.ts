/**
 * `npm run bench:compression`: every compression of real trained models, side by side in one run: accuracy, parameters,
 * MACs, file, latency of one image and throughput. What was trained is held against the model after the same epochs, since
 * those alone improve it. Choices are made on the validation images; the test images are looked at once, at the end.
 */
import { appendFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../src/base/index.ts';
import { fileOf, makeChain } from './compression/make-chain.ts';
import { measureChains } from './compression/measure-chains.ts';
import { COMPRESSION_USAGE, type CompressionOptions, readCompressionOptions } from './compression/options.ts';
import { paretoPicture } from './compression/pareto-picture.ts';
import { CHAINS } from './compression/recipes.ts';
import { compressionMarkdown, compressionText } from './compression/table.ts';
import { describeMachine, machineLine } from './report/machine.ts';

try {
  const options = readCompressionOptions(process.argv.slice(2));
  if (options === 'help') console.log(COMPRESSION_USAGE);
  else await compare(options);
  process.exit();
} catch (error) {
  console.error(`bench: ${messageOf(error)}`);
  process.exit(1);
}

async function compare(options: CompressionOptions): Promise<void> {
  await mkdir(options.folder, { recursive: true });
  const logFile = join(options.folder, 'compression.log');
  const log = (line: string) => {
    process.stderr.write(`${line}\n`);
    appendFileSync(logFile, `${line}\n`);
  };
  const { only } = options;
  const unknown = only?.find((name) => !CHAINS.some(({ model }) => model === name));
  if (unknown !== undefined) throw new Error(`--only: there is no model '${unknown}' in this benchmark`);
  const chains = CHAINS.filter(({ model }) => only?.includes(model) ?? true);
  for (const chain of chains) await makeChain(chain, options, log);
  const files = new Map(chains.map((chain) => [chain, fileOf(chain, options)]));
  const rows = await measureChains(files, options, log);
  const images = `${options.split === 'test' ? 'test' : 'validation'} images`;
  const header = [
    machineLine(describeMachine()),
    `top-1 of the ${images}, in points against the model as it is or, where it says so, after the same epochs of training; one image on one thread, medians of ${options.rounds} rounds in which all models of a kind take turns; images/s on all cores`,
  ];
  console.log(`${header.map((line) => `# ${line}`).join('\n')}\n\n${compressionText(rows)}`);
  if (options.picture !== undefined) await writeFile(options.picture, paretoPicture(rows, images));
  if (options.markdown !== undefined) {
    await writeFile(options.markdown, `${header.join('  \n')}\n\n${compressionMarkdown(rows)}\n`);
  }
}
