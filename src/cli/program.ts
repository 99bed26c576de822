/** The commands of `skein`: one verb a job, one file a verb. */
import { Command } from 'commander';
import { benchCommand } from './bench.ts';
import { distillCommand } from './distill.ts';
import { evaluateCommand } from './evaluate.ts';
import { factorizeCommand } from './factorize.ts';
import { gradientCommand } from './gradient.ts';
import { mergeCommand } from './merge.ts';
import { pairCommand } from './pair.ts';
import { profileCommand } from './profile.ts';
import { pruneCommand } from './prune.ts';
import { quantizeCommand } from './quantize.ts';
import { serveCommand } from './serve.ts';
import { shareCommand } from './share.ts';
import { splitCommand } from './split.ts';
import { trainCommand } from './train.ts';
import { unpackCommand } from './unpack.ts';

export function makeProgram(version: string): Command {
  return new Command('skein')
    .description('Turns one trained image classifier (ONNX) into a formation of smaller, faster ones, and serves it.')
    .version(version)
    .helpCommand('help [command]', 'explain a command, as its --help does')
    .addCommand(evaluateCommand())
    .addCommand(pairCommand())
    .addCommand(profileCommand())
    .addCommand(serveCommand())
    .addCommand(benchCommand())
    .addCommand(trainCommand())
    .addCommand(pruneCommand())
    .addCommand(factorizeCommand())
    .addCommand(quantizeCommand())
    .addCommand(shareCommand())
    .addCommand(unpackCommand())
    .addCommand(distillCommand())
    .addCommand(splitCommand())
    .addCommand(mergeCommand())
    .addCommand(gradientCommand());
}
