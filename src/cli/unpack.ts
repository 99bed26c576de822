/** `skein unpack`: a `.skz` file as plain ONNX, for tools that do not open the one. */
import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { Command } from 'commander';
import { checkOutputs } from '../base/index.ts';
import { type OutputOptions, refuseSameFile, UsageError, withAction } from './command.ts';
import { bytes } from './table.ts';

interface Options extends OutputOptions {
  readonly output: string;
}

export function unpackCommand(): Command {
  const command = new Command('unpack')
    .description('write a .skz file as plain ONNX, which any tool opens')
    .argument('<model>', 'a .skz file')
    .requiredOption('-o, --output <file>', 'the .onnx file to write');
  return withAction<Options>(command, async (output, [path = ''], { output: file }) => {
    if (extname(file) !== '.onnx') throw new UsageError(`--output must end in .onnx, received '${file}'`);
    await refuseSameFile(path, [file]);
    await checkOutputs([file]);
    const { readModel, writeModel } = await import('../onnx/index.ts');
    await writeModel(await readModel(path), file);
    const [before, after] = await Promise.all([path, file].map(async (each) => (await stat(each)).size));
    const [packed, unpacked] = [before as number, after as number];
    output.result({ output: file, bytes: { before: packed, after: unpacked } }, () => {
      return `written: ${file}, ${bytes(unpacked)} of ${bytes(packed)}`;
    });
  });
}
