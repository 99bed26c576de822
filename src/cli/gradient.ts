/** `skein gradient`: the ONNX model that computes a model's loss and gradients. */
import { existsSync } from 'node:fs';
import { Command, Option } from 'commander';
import type { Loss } from '../autodiff/index.ts';
import { checkOutputs, listNames } from '../base/index.ts';
import { LOSSES } from './choices.ts';
import { definedOnly, type OutputOptions, refuseSameFile, UsageError, wholeNumber, withAction } from './command.ts';
import { count } from './table.ts';

interface Options extends OutputOptions {
  readonly loss: Loss;
  readonly mode: 'eval' | 'train';
  readonly output: string;
  readonly wrt?: string[];
  readonly inputs?: true;
  readonly seed?: number;
}

export function gradientCommand(): Command {
  const command = new Command('gradient')
    .description('write the ONNX model that computes loss and gradients')
    .argument('<model>', 'an .onnx or .skz file')
    .addOption(
      new Option('--loss <loss>', 'a mean over the batch; labels: int64 [N], for bce and mse as the first output')
        .choices(LOSSES)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('--mode <mode>', 'eval: as the model answers; train: batch normalisation by the batch, dropout on')
        .choices(['eval', 'train'])
        .default('eval'),
    )
    .requiredOption('-o, --output <file>', 'the .onnx file to write')
    .option(
      '--wrt <names>',
      'initializers, * stands for any letters, separated by commas (default: all trainable)',
      names,
    )
    .option('--inputs', "the gradients of the model's inputs, too")
    .option('--seed <n>', 'of dropout, in --mode train (default: 0)', wholeNumber(0));
  return withAction<Options>(command, async (output, [path = ''], options) => {
    const { gradientModel, gradientOutput } = await import('../autodiff/index.ts');
    const { isModelFile, readModel, writeModel } = await import('../onnx/index.ts');
    const { feedsOf } = await import('../graph/index.ts');
    const { liftWeights, trainableInitializers } = await import('../ops/index.ts');
    const { matching } = await import('./name-patterns.ts');
    const { loss, mode, inputs, wrt, seed } = options;
    if (seed !== undefined && mode !== 'train')
      throw new UsageError(`--seed is of --mode train, received --mode ${mode}`);
    if (!isModelFile(path) && !existsSync(path)) {
      throw new UsageError(
        `<model> must be an .onnx or .skz file, received '${path}': skein train makes one of an architecture`,
      );
    }
    await refuseSameFile(path, [options.output]);
    await checkOutputs([options.output]);
    const model = liftWeights(await readModel(path));
    const { graph } = model;
    const initializers = [...graph.initializers.keys()];
    const made = gradientModel(model, {
      loss,
      mode,
      ...definedOnly({ inputs, seed, wrt: wrt && matching('--wrt', wrt, initializers) }),
    });
    await writeModel(made, options.output);
    const outputs = made.graph.outputs.map(({ name }) => name);
    const gradients = outputs.filter((name) => name.startsWith(gradientOutput(''))).length;
    const asked = [
      ...(wrt === undefined ? trainableInitializers(graph) : []),
      ...(inputs ? feedsOf(graph) : []).map(({ name }) => name),
    ];
    const withoutGradient = asked.filter((name) => !outputs.includes(gradientOutput(name)));
    if (withoutGradient.length > 0) {
      output.note(`no gradient comes from the loss to ${listNames(withoutGradient)}: left out`);
    }
    const report = { output: options.output, loss, mode, nodes: made.graph.nodes.length, outputs, withoutGradient };
    output.result(
      report,
      () => `${options.output}: ${loss} and ${gradients} gradients, ${count(made.graph.nodes.length)} nodes`,
    );
  });
}

function names(text: string): string[] {
  return text.split(',').map((name) => name.trim());
}
