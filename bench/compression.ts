/**
 * `npm run bench:compression`: every compression of real trained models, side by side in one run: accuracy, parameters,
 * MACs, file, latency of one image and throughput. What was trained is held against the model after the same epochs, since
 * those alone improve it. Choices are made on the validation images; the test images are looked at once, at the end.
 */
import { writeFile } from 'node:fs/promises';
import { fileOf, makeChain } from './compression/make-chain.ts';
import { measureChains } from './compression/measure-chains.ts';
import { COMPRESSION_USAGE, readCompressionOptions } from './compression/options.ts';
import { paretoPicture } from './compression/pareto-picture.ts';
import { CHAINS } from './compression/recipes.ts';
import { compressionMarkdown, compressionText } from './compression/table.ts';
import type { Log } from './recipes/make-once.ts';
import type { RecipeOptions } from './recipes/options.ts';
import { checkOnly, runBench } from './recipes/run-bench.ts';
import { describeMachine, machineLine } from './report/machine.ts';

await runBench({ name: 'compression', usage: COMPRESSION_USAGE, read: readCompressionOptions, run: compare });

async function compare(options: RecipeOptions, log: Log): Promise<void> {
  const { only } = options;
  checkOnly(
    only,
    CHAINS.map(({ model }) => model),
  );
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
