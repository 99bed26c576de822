#!/usr/bin/env node
/** The `skein` command. */
import { skeinVersion } from '../base/index.ts';
import { runProgram } from './command.ts';
import { makeProgram } from './program.ts';

// A reader that has seen enough (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  if (error.code !== 'EIO') throw error;
});
// Nor is a terminal that is gone: what was begun is still ended in good order.
process.stderr.on('error', () => {});

process.exitCode = await runProgram(makeProgram(skeinVersion()), process.argv.slice(2));
